"""Read pictures of many digits with a model, and show what was read."""
