"""Frames and scribbles of many families, drawn anew for each epoch that asks for them."""
