"""What feature sets are made of: the spectrum, and what is read from it.

numpy, scipy and numba; librosa builds mel filters and windows, and is imported where it does.
"""
