"""From all checkpoints of all runs to one submission: rank, choose five, vote."""
