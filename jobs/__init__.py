"""The work: plain functions on files, the same on a laptop, in a test and on a node."""

import os

# Between two steps of a net, OpenMP's threads wait for each other. GNU's, which PyTorch brings,
# spin for milliseconds before they sleep. Where others want the same cores (two runs in one job,
# tests, a browser), those that spin keep the one that all wait for from its core: three trainings
# at once on two cores are three times as fast or more if they spin a thousand times, one alone is
# no slower (measured: benchmarks/waiting_threads.py). libgomp spins so briefly by itself only
# where it knows of more threads than cores, and it cannot know of other processes. It reads this
# when PyTorch is imported, so it stands before everything else of ours.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
