"""How items stand, and why one failed."""
