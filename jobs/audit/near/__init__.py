"""Recordings that occur twice in other bytes: found in spectrograms, confirmed by samples."""
