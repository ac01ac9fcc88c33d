"""What a grid may set for a run, part by part. Imports no torch: login nodes read it."""
