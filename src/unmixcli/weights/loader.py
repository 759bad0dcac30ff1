"""From a model's name, or a file, to a network ready to run."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import cast

import torch
from torch import nn

from unmixcli.errors import (
    ConfigError,
    DeviceError,
    UnknownModelError,
    WeightsError,
    is_out_of_memory,
)
from unmixcli.network import ModelConfig, Network
from unmixcli.schedule import Schedule
from unmixcli.weights import checkpoint, manifest, store
from unmixcli.weights.registry import configure
from unmixcli.weights.state import read_state

DEFAULT = "mini"
BETTER = "demucs"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network with its weights, how to run it, and its terms.

    Attributes:
        name: What the user called it.
        network: A torch module in evaluation mode, on the CPU.
        schedule: The published way to cut a track.
        licence: SPDX identifier of the weights.
        sha256: Hash of its file.
    """

    name: str
    network: Network
    schedule: Schedule
    licence: str
    sha256: str

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self.network.config

    @property
    def weights(self) -> int:
        """How many weights the network has."""
        return sum(parameter.numel() for parameter in self._module.parameters())

    def to(self, device: torch.device) -> None:
        """Move the network to a device.

        Raises:
            DeviceError: The device has too little memory for it.
        """
        try:
            self._module.to(device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"'{device}' has too little memory for '{self.name}'", hint="try another --device"
            ) from error

    @property
    def _module(self) -> nn.Module:
        return cast(nn.Module, self.network)


def load(name: str | PathLike[str], progress: store.Progress | None = None) -> Model:
    """Load a model of the manifest, or a native file.

    Args:
        name: A name of the manifest, or the path of a ``.safetensors`` file.
        progress: Told of a download's bytes.

    Raises:
        UnknownModelError: Neither.
        WeightsError: The weights cannot be had, are damaged or do not fit.
    """
    name = os.fspath(name)
    if name in manifest.models():
        return _from_manifest(manifest.find(name), progress)
    path = _file(name)
    header, network = checkpoint.load(path)
    return _model(path.stem, network, header.schedule, header.licence, _digest(path))


def sources(name: str) -> tuple[str, ...]:
    """Return what a model separates, without loading its weights.

    Raises:
        UnknownModelError: There is no such model.
        WeightsError: The file is not one of ours.
    """
    if name in manifest.models():
        return tuple(manifest.find(name).config["sources"])
    return checkpoint.read_header(_file(name)).config.sources


def advice() -> str:
    """Say what the embedded model is, and what a better one would cost."""
    small, better = manifest.find(DEFAULT), manifest.find(BETTER)
    terms = better.licence.summary or better.licence.spdx
    return (
        f"using the embedded model '{small.name}' ({_megabytes(small)}, {small.licence.spdx}), "
        f"made for first tries; --model {better.name} separates better "
        f"(about {_megabytes(better)} to download, {terms})"
    )


def _megabytes(entry: manifest.ManifestEntry) -> str:
    return f"{entry.size / 1e6:,.0f} MB"


def _file(name: str) -> Path:
    """Return a name as the path of a file of weights.

    Raises:
        UnknownModelError: It does not look like one.
    """
    if name.endswith(checkpoint.SUFFIX) or Path(name).is_file():
        return Path(name)
    raise UnknownModelError(name, known=tuple(manifest.models()))


def _from_manifest(entry: manifest.ManifestEntry, progress: store.Progress | None) -> Model:
    [file] = entry.files
    path = store.fetch(entry, file, progress)
    digest = _digest(path)
    # The file may have been changed since it was fetched.
    store.require_hash(file, digest, path.stat().st_size)
    if file.format == "native":
        header, network = checkpoint.load(path)
        return _model(entry.name, network, header.schedule, entry.licence.spdx, digest)
    if file.format != "torch-state":
        raise WeightsError(f"'{entry.name}' is in a format not read yet: {file.format}")
    try:
        config = configure(entry.architecture, entry.config)
        network = checkpoint.blank(entry.architecture, config)
    except ConfigError as error:
        raise WeightsError(f"'{entry.name}' has an invalid manifest entry: {error}") from error
    network = checkpoint.fill(network, read_state(path), name=str(path))
    return _model(entry.name, network, entry.schedule, entry.licence.spdx, digest)


def _model(name: str, network: nn.Module, schedule: Schedule, licence: str, digest: str) -> Model:
    return Model(
        name=name,
        network=cast(Network, network),
        schedule=schedule,
        licence=licence,
        sha256=digest,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
