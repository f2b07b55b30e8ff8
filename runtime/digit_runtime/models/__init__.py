"""A model's folder on disk."""
