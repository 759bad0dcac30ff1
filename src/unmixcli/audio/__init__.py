"""Samples in and out of files; knows no networks."""
