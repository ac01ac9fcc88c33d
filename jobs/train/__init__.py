"""From features to checkpoints: one run per hyper-parameter set. Imports no librosa."""
