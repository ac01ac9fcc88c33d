"""From MP3 to features in HDF5: decode, compute, shard, index. Imports no torch."""
