"""Weir: the command line, the embedded stack, and the foundation that every room stands on."""

__version__ = "0.1.0"
