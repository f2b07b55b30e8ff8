"""Names of models to a classifier of the fastest engine."""
