"""Anything with digits to batches of uint8 pixels."""
