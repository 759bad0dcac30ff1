"""Readers of the formats that networks were published in: bytes to tensors, and no more."""
