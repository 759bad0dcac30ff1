"""Which models of the manifest this version can run.

Said here in words, without the readers and networks themselves: those import torch,
which takes longer than all else that a list of models does. A test holds both together.
"""

from __future__ import annotations

from collections.abc import Iterator

from unmixcli.errors import WeightsError
from unmixcli.weights.manifest import ManifestEntry
from unmixcli.weights.registry import architectures

FORMATS = frozenset(
    {
        "native",
        "torch-state",
        "demucs-v1",
        "demucs-v2-diffq",
        "demucs-package",
        "demucs-safetensors",
        "safetensors-state",
        "keras-hdf5",
        "tensorflow-bundle",
    }
)
"""What :mod:`.formats.reading` and :mod:`.checkpoint` read."""

CONSTRUCTORS = {
    "demucs_v1": ("demucs.model.Demucs", "demucs.tasnet.ConvTasNet"),
    "demucs_v2": ("demucs.model.Demucs", "demucs.tasnet.ConvTasNet"),
    "tdc_u_net": ("tdc_u_net.vocals",),
    "waveunet": ("Models.UnetAudioSeparator.UnetAudioSeparator",),
    "vimss": (
        "Models.UnetAudioSeparator.UnetAudioSeparator",
        "Models.ConditionalUnetAudioSeparator.UnetAudioSeparator",
    ),
    "wavenet": ("SingingVoiceSeparationWavenet", "MultiInstrumentSeparationWavenet"),
}
"""What :mod:`.published` translates: classes by the system they are of."""

CONDITIONED = frozenset({"conditioned_harmonic_u_net", "conditioned_wave_u_net"})
"""Architectures whose networks take labels."""


def conditioned(entry: ManifestEntry) -> bool:
    """Say whether a model is told labels."""
    return entry.architecture in CONDITIONED


def runnable(entry: ManifestEntry) -> bool:
    """Say whether this version has the network of a model and reads its files."""
    return obstacle(entry) is None


def obstacle(entry: ManifestEntry) -> str | None:
    """Say what keeps a model from running, in words that follow "but"."""
    return next(_obstacles(entry), None)


def _obstacles(entry: ManifestEntry) -> Iterator[str]:
    if entry.architecture is None:
        yield "its networks are not in this version"
    elif entry.architecture not in architectures():
        yield f"its network, {entry.architecture}, is not in this version"
    for file in entry.files:
        if file.format not in FORMATS:
            yield f"files of the format '{file.format}' are not read by this version"
    for member in entry.members:
        call = member.constructor
        if call and call.name not in CONSTRUCTORS.get(call.system, ()):
            yield f"'{call.name}' of {call.system} is not in this version"


def require_runnable(entry: ManifestEntry) -> None:
    """Refuse a model that is only listed.

    Raises:
        WeightsError: Something keeps it from running.
    """
    if why := obstacle(entry):
        raise WeightsError(
            f"'{entry.name}' is listed, but {why}",
            hint="see 'unmixcli models list --runnable' for those that can be used",
        )
