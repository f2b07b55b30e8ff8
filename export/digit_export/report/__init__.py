"""What exporting changed, for people."""
