"""Samples that no sound has, and where they are."""

import math
from pathlib import Path

from torch import Tensor

from unmixcli.errors import AudioError

LOUDEST = 1e9
"""180 dB over full scale."""


def require_finite(path: Path, block: Tensor, position: int, sample_rate: int) -> None:
    """Refuse NaN and infinities, which would spread over the whole track.

    What is louder than any sound is refused with them: its square is an infinity.

    Args:
        path: The track the block is of.
        block: Samples, (channels, n).
        position: Where in the track the block begins, in samples.
        sample_rate: Its rate, in Hz.

    Raises:
        AudioError: There is one; the message names the first in time.
    """
    lowest, highest = block.aminmax()  # of NaN both are NaN, which no comparison holds for
    if lowest >= -LOUDEST and highest <= LOUDEST:
        return
    sample, channel = (~(block.abs() <= LOUDEST)).T.nonzero()[0].tolist()
    value = float(block[channel, sample])
    what = "NaN" if math.isnan(value) else "an infinity" if math.isinf(value) else f"{value:g}"
    at = position + sample
    minutes, seconds = divmod(at / sample_rate, 60)
    raise AudioError(
        f"'{path}' contains {what} at {int(minutes)}:{seconds:05.2f} "
        f"(sample {at}, channel {channel + 1})",
        hint="repair it in an audio editor, or export it again",
    )
