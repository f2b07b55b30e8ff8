"""A model's folder on disk, and a model of it, loaded."""
