"""MNIST from wherever it can be had, as Kaggle's CSV files."""
