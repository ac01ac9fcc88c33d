"""From checkpoints to class probabilities of clips: validation, test, new ones."""
