"""Scores: of signals, in numpy alone; and of systems on whole data sets."""
