"""Batches to a submission's CSV, and to an accuracy."""
