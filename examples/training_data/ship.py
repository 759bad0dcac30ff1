"""Make of a trained model the file that the package ships: half precision, and whose it is.

    python examples/training_data/ship.py RUN/model.safetensors mini.safetensors \
        --licence MIT --provenance "Trained ... with ..." [--blend OTHER.safetensors 0.3]

A blend is the mean of two networks' weights, of which one began as the other (Wortsman et al.,
"Robust fine-tuning of zero-shot models", arXiv:2109.01903). --take 'out.3?.*' takes what is called
so from the other one alone.

Prints what weights_manifest.json says of a file: its size and SHA-256.
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import torch

from unmixcli.weights import checkpoint


def ship(
    source: Path,
    output: Path,
    *,
    licence: str,
    provenance: str,
    other: Path | None = None,
    share: float = 0.0,
    taken: Sequence[str] = (),
) -> None:
    """Write a model's weights once more, in half precision: the networks compute in single.

    Args:
        source: A native file.
        output: Written.
        licence: SPDX identifier of the weights.
        provenance: Data, recipe and credits, for people.
        other: Weights of the same network that are mixed in, if any.
        share: How much of each weight is theirs, 0 to 1.
        taken: Weights that are theirs alone: names with ``*`` and ``?``.

    Raises:
        ValueError: Half precision cannot hold a weight, or the networks differ.
    """
    header, network = checkpoint.load(source)
    state = network.state_dict()
    if other is not None:
        theirs, mixed = checkpoint.load(other)
        if theirs.config != header.config:
            raise ValueError(f"'{other}' is another network than '{source}'")
        held = mixed.state_dict()
        for name, weight in state.items():
            theirs_alone = any(fnmatchcase(name, pattern) for pattern in taken)
            much = 1.0 if theirs_alone else share
            state[name] = (1 - much) * weight + much * held[name]
    for name, weight in state.items():
        if weight.abs().max() > torch.finfo(torch.half).max:
            raise ValueError(f"{name} is beyond half precision")
    halved = {name: weight.half() for name, weight in state.items()}
    checkpoint.save(output, halved, replace(header, licence=licence, provenance=provenance))


def main() -> None:
    """Write the file, and print what the manifest says of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--licence", required=True)
    parser.add_argument("--provenance", required=True)
    parser.add_argument("--blend", nargs=2, metavar=("OTHER", "SHARE"))
    parser.add_argument("--take", action="append", default=[], metavar="PATTERN")
    given = parser.parse_args()
    other, share = given.blend or (None, 0.0)
    ship(
        given.source,
        given.output,
        licence=given.licence,
        provenance=given.provenance,
        other=other and Path(other),
        share=float(share),
        taken=given.take,
    )
    print(f'"size": {given.output.stat().st_size}')
    print(f'"sha256": "{hashlib.sha256(given.output.read_bytes()).hexdigest()}"')


if __name__ == "__main__":
    main()
