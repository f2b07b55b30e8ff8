"""Inference engines: a verified file to a function from pixels to probabilities."""
