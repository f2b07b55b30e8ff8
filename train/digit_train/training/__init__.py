"""Kaggle's CSV to a trained Keras model."""
