"""Grids whose runs take seconds: half-second clips, 16 bands, the smallest ResNet."""

TINY_NET = """\
seconds: 0.5
n_fft: 512
n_mels: 16
depth: 8
batch_size: 8
weight_decay: 5e-4
threads: 1
shards: 1
"""

TINY_GRID = f"""\
{TINY_NET}epochs: 3
lr: 0.05
sweep:
  momentum: [0.9, 0.5]
"""
