"""What measures speed, each beside the peers it is compared with."""
