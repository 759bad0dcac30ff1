"""What a writer must do for files: room, rounding, and appearing all at once."""
