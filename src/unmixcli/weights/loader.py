"""From a model's name, or a file, to networks ready to run."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from unmixcli.errors import ConfigError, DeviceError, WeightsError, is_out_of_memory
from unmixcli.network import ConditionedNetwork, ModelConfig, Network
from unmixcli.schedule import Schedule
from unmixcli.weights import catalogue, checkpoint, licence, published, snapshot, store, support
from unmixcli.weights.download import Progress
from unmixcli.weights.formats import reading
from unmixcli.weights.formats.torch_checkpoint import Checkpoint, weights
from unmixcli.weights.licence import Licence, Policy
from unmixcli.weights.manifest import Constructor, ManifestEntry, Member, WeightFile
from unmixcli.weights.plain import brief
from unmixcli.weights.published import Published
from unmixcli.weights.quantised import dense
from unmixcli.weights.snapshot import Snapshot

DEFAULT = "mini"
BETTER = "demucs"

LONGEST, MOST_SHIFTS = 3600, 1000
"""Of a chunk in seconds, and passes over a track: more than that a file would only claim."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """Networks with their weights, how to run them, and their terms.

    Attributes:
        name: What the manifest or its file calls it.
        networks: torch modules in evaluation mode, on the CPU; several are averaged.
        shares: Of each network, the weight of each source in the mean; ``None`` is 1.
        schedule: The published way to cut a track.
        licence: Terms of the weights.
        sha256: Hashes of its files.
    """

    name: str
    networks: tuple[Network | ConditionedNetwork, ...]
    shares: tuple[tuple[float, ...] | None, ...] = (None,)
    schedule: Schedule
    licence: Licence
    sha256: tuple[str, ...]

    def __post_init__(self) -> None:
        alike = {
            (n.config.sources, n.config.sample_rate, n.config.channels, _labels(n))
            for n in self.networks
        }
        if len(alike) != 1:
            raise WeightsError(f"the networks of '{self.name}' do not separate the same sources")
        if any(len(share) != len(self.config.sources) for share in self.shares if share):
            raise WeightsError(f"the networks of '{self.name}' have shares of other sources")
        cut = self.schedule
        lengths = (cut.segment or 0, cut.origin, cut.margin, cut.max_shift)
        if max(lengths) > LONGEST * self.config.sample_rate or cut.shifts > MOST_SHIFTS:
            raise WeightsError(f"nobody cuts a track as '{self.name}' says: {brief(lengths)}")

    @property
    def config(self) -> ModelConfig:
        """What its networks have in common: sources, rate, channels."""
        return self.networks[0].config

    @property
    def labels(self) -> tuple[str, ...]:
        """What its networks are told, in order; empty where they take no labels."""
        return _labels(self.networks[0])

    @property
    def weights(self) -> int:
        """How many weights its largest network has."""
        return max(sum(p.numel() for p in module.parameters()) for module in self._modules)

    def to(self, device: torch.device) -> None:
        """Move the networks to a device.

        Raises:
            DeviceError: The device has too little memory for them.
        """
        try:
            for module in self._modules:
                module.to(device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"'{device}' has too little memory for '{self.name}'", hint="try another --device"
            ) from error

    @property
    def _modules(self) -> tuple[nn.Module, ...]:
        return cast(tuple[nn.Module, ...], self.networks)


def load(
    name: str | PathLike[str],
    progress: Progress | None = None,
    policy: Policy | str | None = None,
) -> Model:
    """Load a model by name, or a native file.

    Args:
        name: A name or alias of the manifest or of an imported model, or the path of a
            ``.safetensors`` file.
        progress: Told of a download's bytes.
        policy: Which licences are accepted; by default as the environment says.

    Raises:
        UnknownModelError: Neither.
        WeightsError: The weights cannot be had, are damaged, do not fit, or their
            licence is not accepted.
    """
    name = os.fspath(name)
    terms = licence.chosen(policy)
    if entry := catalogue.find(name):
        licence.require(entry.name, entry.licence, terms)
        return _load(entry, progress)
    found = snapshot.take(_file(name))
    header, network = checkpoint.build(found)
    licence.require(name, Licence(spdx=header.licence), terms)
    return Model(
        name=found.path.stem,
        networks=(cast(Network, network),),
        schedule=header.schedule,
        licence=Licence(spdx=header.licence),
        sha256=(found.digest(),),
    )


def sources(name: str) -> tuple[str, ...]:
    """Return what a model separates, without loading its weights.

    Raises:
        UnknownModelError: There is no such model.
        WeightsError: The file is not one of ours.
    """
    if entry := catalogue.find(name):
        return entry.sources
    return checkpoint.read_header(_file(name)).config.sources


def labels(name: str) -> tuple[str, ...]:
    """Return what a model is told, without loading its weights; empty for one that is not.

    Raises:
        UnknownModelError: There is no such model.
        WeightsError: The file is not one of ours.
    """
    entry = catalogue.find(name)
    if entry is None:
        return checkpoint.read_header(_file(name)).config.told
    if not support.conditioned(entry):
        return ()
    call, file = entry.members[0].constructor, entry.files[0]
    if call is not None:
        return published.translate(call.system, call.name, call.options).config.told
    path = store.place(entry, file)
    if file.format == "native" and path.is_file():
        return checkpoint.read_header(path).config.told
    return entry.sources  # as a rule; its file, which is not here yet, will say


def advice() -> str:
    """Say what the embedded model is, and what a better one would cost."""
    small, better = catalogue.get(DEFAULT), catalogue.get(BETTER)
    terms = better.licence.summary or better.licence.spdx
    return (
        f"using the embedded model '{small.name}' ({_megabytes(small)}, {small.licence.spdx}), "
        f"made for first tries; --model {better.name} separates better "
        f"(about {_megabytes(better)} to download, {terms})"
    )


def _labels(network: Network | ConditionedNetwork) -> tuple[str, ...]:
    return getattr(network, "labels", ())


def _megabytes(entry: ManifestEntry) -> str:
    return f"{(entry.size or 0) / 1e6:,.0f} MB"


def _file(name: str) -> Path:
    """Return a name as the path of a file of weights.

    Raises:
        UnknownModelError: It does not look like one.
    """
    with suppress(OSError):  # it is longer than any file's
        if name.endswith(checkpoint.SUFFIX) or Path(name).is_file():
            return Path(name)
    raise catalogue.unknown(name)


def _load(entry: ManifestEntry, progress: Progress | None) -> Model:
    support.require_runnable(entry)
    built = [_member(entry, member, progress) for member in entry.members]
    model = Model(
        name=entry.name,
        networks=tuple(cast(Network, network) for network, _, _ in built),
        shares=tuple(member.shares for member in entry.members),
        schedule=entry.schedule or built[0][1],
        licence=entry.licence,
        sha256=tuple(digest for _, _, digests in built for digest in digests),
    )
    if model.config.sources != entry.sources:
        raise WeightsError(f"'{entry.name}' separates other sources than the manifest says")
    return model


Built = tuple[nn.Module, Schedule, list[str]]


def _member(entry: ManifestEntry, member: Member, progress: Progress | None) -> Built:
    """Build one network from its files."""
    found = [(file, *store.load(entry, file, progress)) for file in member.files]
    digests = [held.digest() for _, held, _ in found]
    if found[0][2].format == "native":
        header, network = checkpoint.build(found[0][1])
        return network, header.schedule, digests
    name = entry.name
    parts = [(file, held, reading.read(held, copy.format)) for file, held, copy in found]
    try:
        meant = _meant(member.constructor, parts[0][2], name)
        network = _assemble(meant, parts)
    except ConfigError as error:
        raise WeightsError(f"'{name}' cannot be built: {error}", hint=error.hint) from error
    return network, meant.schedule, digests


def _meant(told: Constructor | None, found: Checkpoint, name: str) -> Published:
    """Return what makes a network: as the manifest says, or else as its file does."""
    if told is not None:
        return published.translate(told.system, told.name, told.options)
    if found.system is None or found.name is None:
        raise WeightsError(f"the weights of '{name}' do not say what network they are of")
    return published.translate(found.system, found.name, found.options, arguments=found.arguments)


Part = tuple[WeightFile, Snapshot, Checkpoint]


def _assemble(meant: Published, parts: list[Part]) -> nn.Module:
    """Build a network and fill it with the state of its files.

    Raises:
        WeightsError: They do not fit.
        ConfigError: The network cannot be built.
    """
    network = checkpoint.blank(meant.architecture, meant.config)
    state: dict[str, Tensor] = {}
    for file, held, found in parts:
        prefix = f"{file.part}." if file.part else ""
        named = weights(held, found, checkpoint.shapes(network))
        state |= {f"{prefix}{key}": dense(weight) for key, weight in named.items()}
    return checkpoint.fill(network, meant.convert(state), name=str(parts[0][1].path))
