"""From what was typed to a plan that every task can read."""
