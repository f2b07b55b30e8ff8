"""Keras files of any kind to one network that keeps the contract."""
