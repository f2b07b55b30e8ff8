"""Whether files and device are what they should be."""
