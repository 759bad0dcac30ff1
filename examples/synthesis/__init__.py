"""A small synthesiser of songs with known stems: numpy only, seeded."""
