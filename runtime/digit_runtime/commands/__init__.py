"""The commands: what a terminal's user types. Nothing else in the package imports click."""
