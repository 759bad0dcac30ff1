"""Folders of tracks with known stems: what they hold, and samples from anywhere in them."""
