"""From blocks of a mixture to blocks of estimates; knows no files."""
