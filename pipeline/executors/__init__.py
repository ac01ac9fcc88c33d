"""Items onto this process, this machine, or Slurm."""
