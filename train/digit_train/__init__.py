"""Get MNIST as Kaggle's CSV files, look at it, and train the two digit networks."""
