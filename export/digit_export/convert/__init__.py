"""A network to the bytes of a file, one row of `targets` each."""
