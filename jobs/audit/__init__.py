"""Looks at the data with the features of the clips: which recordings are there twice."""
