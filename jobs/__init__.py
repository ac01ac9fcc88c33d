"""The work: plain functions on files, the same on a laptop, in a test and on a node."""
