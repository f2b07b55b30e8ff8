"""The commands. Nothing else in the package imports click."""
