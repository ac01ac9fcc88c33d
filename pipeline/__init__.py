"""The conductor: what runs when and where. Its commands are `python -m pipeline.<command>`."""

__version__ = "0.1.0"
