"""One file, one architecture, one ``ARCHITECTURE`` constant."""
