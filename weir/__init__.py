"""Weir: the command line, the embedded stack, and the foundation that all rooms share."""

__version__ = "0.1.0"
