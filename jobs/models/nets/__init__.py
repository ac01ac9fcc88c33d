"""The networks, each for input [batch, 1, bands, frames] and any number of classes."""
