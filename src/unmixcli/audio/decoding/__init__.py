"""What a reader must know of files: containers, damage, and the quirks of decoders."""
