"""Clips as tensors: which an epoch visits, where they rest, in which batches they come."""
