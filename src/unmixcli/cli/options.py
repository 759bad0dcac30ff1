"""The options of commands, each with its unit and its bounds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from unmixcli.audio.subtype import Subtype
from unmixcli.instruments import NameBy
from unmixcli.selection import QUIETEST, THRESHOLD
from unmixcli.settings import (
    HIGHEST_OVERLAP,
    LARGEST_BATCH,
    LONGEST_SEGMENT,
    MOST_SHIFTS,
    MOST_THREADS,
    SHORTEST_SEGMENT,
    Chunking,
)
from unmixcli.weights.licence import VARIABLE, Policy

INPUT, MODEL, CUT, OUTPUT = "Input", "Model", "How to cut", "Output"
LONGEST_TRACK = 1e7
"""In seconds; beyond it a number is a mistake, and would overflow."""


def _share(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= HIGHEST_OVERLAP:
        raise typer.BadParameter(f"{value} is not in 0..{HIGHEST_OVERLAP}")
    return value


def _forbid_network(wanted: bool) -> bool:
    if wanted:
        from unmixcli.weights import store

        os.environ[store.OFFLINE] = "1"
    return wanted


Tracks = Annotated[
    list[Path],
    # Typer would refuse the whole batch for one file that it may not read.
    typer.Argument(help="Audio files: wav, flac, ogg, mp3.", show_default=False, readable=False),
]
Start = Annotated[
    float,
    typer.Option(
        min=0,
        max=LONGEST_TRACK,
        help="Begin here, in seconds.",
        rich_help_panel=INPUT,
    ),
]
Duration = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        max=LONGEST_TRACK,
        help="Take so many seconds only.",
        rich_help_panel=INPUT,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        "-n",
        help="A model's name, or a .safetensors file. (default: mini; with --instruments, the one "
        "for labels)",
        rich_help_panel=MODEL,
    ),
]
LicencePolicy = Annotated[
    Policy | None,
    typer.Option(
        "--licence-policy",
        help=f"Which terms of weights you accept. (default: {VARIABLE}, or any)",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        callback=_forbid_network,
        help="Do without the network: take weights from this computer only.",
        rich_help_panel=MODEL,
    ),
]
Device = Annotated[
    str,
    typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=MODEL),
]
BatchSize = Annotated[
    int,
    typer.Option(min=1, max=LARGEST_BATCH, help="Chunks per network call.", rich_help_panel=MODEL),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_THREADS,
        help="Threads on the CPU (default: one for small models, else torch's choice).",
        rich_help_panel=MODEL,
    ),
]
Shifts = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_SHIFTS,
        help="Shifted passes to average: better and slower; 0 is off. (default: the model's)",
        rich_help_panel=CUT,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the shifts.", rich_help_panel=CUT)]
Segment = Annotated[
    float | None,
    typer.Option(
        min=SHORTEST_SEGMENT,
        max=LONGEST_SEGMENT,
        help="Length of a chunk, in seconds. (default: the model's)",
        rich_help_panel=CUT,
    ),
]
Overlap = Annotated[
    float | None,
    typer.Option(
        callback=_share,
        help="Share of a chunk that the next one covers again, 0 to 0.99 (default: the model's).",
        rich_help_panel=CUT,
    ),
]
ChunkingMode = Annotated[
    Chunking,
    typer.Option(
        help="As the model's authors do, or so that the joins equal one long pass: only for "
        "networks whose outputs do not depend on the whole segment.",
        rich_help_panel=CUT,
    ),
]
Folder = Annotated[
    Path,
    typer.Option("--output", "-o", help="Folder of the tracks' folders.", rich_help_panel=OUTPUT),
]
Stems = Annotated[
    list[str] | None,
    typer.Option(
        "--stem",
        help="Write this stem only; repeatable, or several with commas.",
        rich_help_panel=OUTPUT,
    ),
]
TwoStems = Annotated[
    str | None,
    typer.Option(
        metavar="STEM", help="Write this stem and the mixture without it.", rich_help_panel=OUTPUT
    ),
]
Instruments = Annotated[
    list[str] | None,
    typer.Option(
        "--instruments",
        help="What sounds: codes or names (vn,va,cello), repeatable, or several with commas. A "
        "model that takes labels is told them, and writes a stem for each; of others' stems "
        "these are written. See 'unmixcli instruments'.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
NamedBy = Annotated[
    NameBy | None,
    typer.Option(
        "--name-by",
        help="Name the stems of instruments so: vn.wav or violin.wav. (default: as the model does)",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
Residual = Annotated[
    bool,
    typer.Option(
        "--residual",
        help="Write residual.wav, too: the mixture less all other stems.",
        rich_help_panel=OUTPUT,
    ),
]
ActivityThreshold = Annotated[
    float | None,
    typer.Option(
        "--activity-threshold",
        metavar="DB",
        min=QUIETEST,
        max=0,
        help="Leave out sources whose energy over the track is below this, in dB of the mixture's. "
        f"(default: {THRESHOLD:g} for models of instruments that take no labels, else off)",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
BitDepth = Annotated[
    Subtype,
    typer.Option(
        "--bit-depth",
        help="Of the files: 32 is float and keeps every value; 16 and 24 are integers and clip.",
        rich_help_panel=OUTPUT,
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing stems.", rich_help_panel=OUTPUT)
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document on stdout.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show errors only.", rich_help_panel=OUTPUT)
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show more notes.", rich_help_panel=OUTPUT)
]
