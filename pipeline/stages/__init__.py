"""What is done, in which order: one module a stage."""
