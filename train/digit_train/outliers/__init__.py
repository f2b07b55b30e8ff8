"""Pictures that show no digit: what a model must not be sure of."""
