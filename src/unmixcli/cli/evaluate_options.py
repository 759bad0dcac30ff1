"""The options of ``unmixcli eval``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unmixcli.evaluation.options import Engine, Style

DATA, SYSTEMS, SCORES, RUN = "Data", "What to score", "How to score", "Run"

LONGEST_WINDOW = 3600.0
"""In seconds; more than any track is one window."""

MOST_JOBS = 256


class OracleName(StrEnum):
    """The oracles; their module loads numpy, for which ``--help`` has no time."""

    IRM1 = "irm1"
    IRM2 = "irm2"
    IBM1 = "ibm1"
    IBM2 = "ibm2"
    MWF = "mwf"
    MIX = "mix"


Dataset = Annotated[
    Path,
    typer.Argument(
        help="Folder of tracks with stems: MUSDB18(-HQ), URMP, TRACK/<stem>.wav, or references/ "
        "beside estimates/.",
        show_default=False,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="train, valid or test, or several joined by '+'. (default: all tracks)",
        rich_help_panel=DATA,
    ),
]
Subset = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N|NAME",
        help="The first N tracks, or the track of that name; names are repeatable.",
        show_default=False,
        rich_help_panel=DATA,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        "-n",
        help="A model's name, or a .safetensors file; repeatable. (default, if nothing is named: "
        "the estimates beside the references, or else mini)",
        show_default=False,
        rich_help_panel=SYSTEMS,
    ),
]
Estimates = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]DIR",
        help="Stems that any program wrote, DIR/TRACK/<stem>.wav, paired by name; repeatable.",
        show_default=False,
        rich_help_panel=SYSTEMS,
    ),
]
Oracles = Annotated[
    list[OracleName] | None,
    typer.Option(
        "--oracle",
        help="What a mask could reach that knew the answer; mix is the floor. Repeatable.",
        show_default=False,
        rich_help_panel=SYSTEMS,
    ),
]
Instruments = Annotated[
    list[str] | None,
    typer.Option(
        "--instruments",
        "-i",
        help="What a model that takes labels is told of every track (default: its references); "
        "of other models, which stems are scored. Repeatable, or with commas.",
        show_default=False,
        rich_help_panel=SYSTEMS,
    ),
]
Accompaniment = Annotated[
    bool,
    typer.Option(
        "--accompaniment",
        help="Score the accompaniment, too: the sum of all but the vocals.",
        rich_help_panel=SCORES,
    ),
]
Full = Annotated[
    bool,
    typer.Option("--full", help="SIR, SAR and ISR as well: slower.", rich_help_panel=SCORES),
]
Window = Annotated[
    float,
    typer.Option(
        min=1e-3,
        max=LONGEST_WINDOW,
        help="Seconds that are scored at once.",
        rich_help_panel=SCORES,
    ),
]
Hop = Annotated[
    float | None,
    typer.Option(
        min=1e-3,
        max=LONGEST_WINDOW,
        help="Seconds from one window to the next. (default: the window)",
        rich_help_panel=SCORES,
    ),
]
BssEval = Annotated[
    Style,
    typer.Option(
        "--bsseval",
        help="Which BSSEval: v4; v3-images, with filters of each window; or v3, of sources, as "
        "papers on URMP have it.",
        rich_help_panel=SCORES,
    ),
]
Compat = Annotated[
    bool,
    typer.Option(
        "--museval-compat",
        help="museval's rules: a window in which one stem is silent counts for none, estimates "
        "are padded or cut.",
        rich_help_panel=SCORES,
    ),
]
EngineName = Annotated[
    Engine,
    typer.Option("--engine", help="Compute with our code, or museval's.", rich_help_panel=SCORES),
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        max=MOST_JOBS,
        help="Tracks at once, each in a process of its own with one thread.",
        rich_help_panel=RUN,
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder of the results.", rich_help_panel=RUN)
]
KeepStems = Annotated[
    bool,
    typer.Option(
        "--keep-stems",
        help="Keep estimates, references and mixtures as files, to be listened to in the report.",
        rich_help_panel=RUN,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep scores that were made before with the same settings.",
        rich_help_panel=RUN,
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace results of before.", rich_help_panel=RUN)
]
NoReport = Annotated[
    bool, typer.Option("--no-report", help="Write no report.html.", rich_help_panel=RUN)
]
