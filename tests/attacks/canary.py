"""What every gadget names: nothing may ever import this by a file's word, or call it.

It does no harm. It only leaves word that somebody ran what a file of weights said.
"""

from __future__ import annotations

import sys
from typing import Any

NAME = __name__

sys.canary_imported = True


def sing(*_: Any, **__: Any) -> dict[str, Any]:
    """Leave word that this was called."""
    sys.canary_sang = True
    return {}


class Canary:
    """Leaves word that it was made, given attributes, or asked for its length."""

    def __new__(cls, *_: Any, **__: Any) -> Canary:
        sing()
        return super().__new__(cls)

    def __setstate__(self, _: Any) -> None:
        sing()

    def __len__(self) -> int:
        sing()
        return 0
