"""A trained model as the files that Autoware's nodes take: written, and checked as the nodes would check them."""
