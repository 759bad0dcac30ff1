"""Samples that are no numbers, and where they are."""

from pathlib import Path

import torch
from torch import Tensor

from unmixcli.errors import AudioError


def require_finite(path: Path, block: Tensor, position: int, sample_rate: int) -> None:
    """Refuse NaN and infinities, which would spread over the whole track.

    Args:
        path: The track the block is of.
        block: Samples, (channels, n).
        position: Where in the track the block begins, in samples.
        sample_rate: Its rate, in Hz.

    Raises:
        AudioError: There is one; the message names the first in time.
    """
    finite = torch.isfinite(block)
    if finite.all():
        return
    sample, channel = (~finite).T.nonzero()[0].tolist()
    what = "NaN" if block[channel, sample].isnan() else "an infinity"
    at = position + sample
    minutes, seconds = divmod(at / sample_rate, 60)
    raise AudioError(
        f"'{path}' contains {what} at {int(minutes)}:{seconds:05.2f} "
        f"(sample {at}, channel {channel + 1})",
        hint="repair it in an audio editor, or export it again",
    )
