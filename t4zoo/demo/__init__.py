"""The demos: the whole path on one machine, in a clone of the template, with an S3 server of its own."""
