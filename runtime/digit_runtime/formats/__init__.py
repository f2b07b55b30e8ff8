"""The containers of models: how their files are read and what is stamped on them."""
