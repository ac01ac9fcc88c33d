"""What feature sets are made of: the spectrum, and what is read from it.

numpy, scipy and numba; librosa builds mel and chroma filters, and is imported where it does.
"""
