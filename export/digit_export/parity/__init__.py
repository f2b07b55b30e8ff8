"""Bytes against Keras: how far they differ, and whether that could be chance."""
