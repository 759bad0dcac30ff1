"""The command line: the only layer with typer and rich."""
