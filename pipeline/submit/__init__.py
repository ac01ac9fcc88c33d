"""Getting stages done: in this process, in processes beside it, or on Slurm."""
