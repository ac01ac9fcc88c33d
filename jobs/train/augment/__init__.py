"""Changes to training clips: a table of parameters for an epoch, pure functions that apply it."""
