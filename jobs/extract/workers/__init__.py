"""Processes that touch recordings, so that a decoder may crash or hang without harm."""
