"""Between a file's channels and a model's."""

from pathlib import Path

from torch import Tensor

from unmixcli.errors import AudioError


def check_channels(path: Path, file_channels: int, model_channels: int) -> None:
    """Refuse a file whose channels the model has no place for.

    A mono file is duplicated, and a mono model reads each channel on its own; nothing
    else is guessed, since any choice of two out of six channels loses music.

    Raises:
        AudioError: The counts differ and neither is 1.
    """
    if file_channels != model_channels and 1 not in (file_channels, model_channels):
        raise AudioError(
            f"'{path}' has {file_channels} channels, model reads {model_channels}",
            hint=f"mix it down to {model_channels} channels first",
        )


def adapt(block: Tensor, channels: int) -> Tensor:
    """Give a block of the file the channels a model reads.

    Args:
        block: Samples, (file channels, n).
        channels: What the model reads.

    Returns:
        (channels, n); for a mono model (file channels, n), each to be separated on its own.
    """
    if channels in (1, block.shape[0]):
        return block
    if block.shape[0] == 1:
        return block.repeat(channels, 1)
    raise ValueError(f"cannot make {channels} channels of {block.shape[0]}")


def restore(estimates: Tensor, channels: int) -> Tensor:
    """Give estimates the channels of the file again.

    Args:
        estimates: (sources, model channels, n); of a mono model (sources, file channels, n).
        channels: What the file has.

    Returns:
        (sources, channels, n); a mono file gets the mean of the model's channels.
    """
    if estimates.shape[1] == channels:
        return estimates
    if channels == 1:
        return estimates.mean(dim=1, keepdim=True)
    raise ValueError(f"cannot make {channels} channels of {estimates.shape[1]}")
