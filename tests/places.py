"""Where things are, seen from the tests."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
"""Reference material that lies beside the checkout and is never part of it."""
EXAMPLE = ROOT / "examples" / "song.flac"
