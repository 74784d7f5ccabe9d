"""Objects by their path: in S3, or behind a plain web server; and an S3 server of our own."""
