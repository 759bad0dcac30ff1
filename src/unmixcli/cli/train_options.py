"""The options of ``unmixcli train``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

RUN, START, RECIPE, LIMITS = "Run", "What to train", "How to train", "When to stop"


class Precision(StrEnum):
    """What a network is computed in."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


Dataset = Annotated[
    Path | None,
    typer.Argument(
        help="Folder of tracks with stems: MUSDB18(-HQ), URMP, or TRACK/<stem>.wav, with "
        "train/ and valid/ or without. With --resume, only if it was moved.",
        show_default=False,
    ),
]
Extra = Annotated[
    list[Path] | None,
    typer.Option("--extra", help="Another folder, only to learn from; repeatable."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Go on from these weights: a model's name, or a .safetensors file. (default: mini, "
        "without --architecture, --recipe and --config)",
        rich_help_panel=START,
    ),
]
Architecture = Annotated[
    str | None,
    typer.Option(help="Start this kind of network from scratch.", rich_help_panel=START),
]
Freeze = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Leave weights as they are whose names match, such as 'encoder.*'; repeatable.",
        rich_help_panel=START,
    ),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="A recipe of the package, or a file. (default: the published one of the network)",
        rich_help_panel=RECIPE,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="A file of values that go before the recipe's.", rich_help_panel=RECIPE),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="One value that goes before all files, such as optim.lr=1e-4; repeatable.",
        rich_help_panel=RECIPE,
    ),
]
PrecisionChoice = Annotated[
    Precision | None,
    typer.Option(
        "--precision", help="Compute the network in it. (default: fp32)", rich_help_panel=RECIPE
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0, help="Of everything random. (default: the recipe's)", rich_help_panel=RECIPE
    ),
]
ShowRecipe = Annotated[
    bool,
    typer.Option(
        "--show-recipe", help="Print the whole recipe, and do nothing.", rich_help_panel=RECIPE
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder of the run.", rich_help_panel=RUN)
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the run in that folder; where there is none, begin it.",
        rich_help_panel=RUN,
    ),
]
SaveEvery = Annotated[
    float,
    typer.Option(
        min=0,
        max=1e5,
        help="Minutes from one checkpoint to the next; there is one after each validation, too.",
        rich_help_panel=RUN,
    ),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(min=0, help="Steps in all, with those before --resume.", rich_help_panel=LIMITS),
]
MaxHours = Annotated[
    float | None,
    typer.Option(min=0, max=1e6, help="Hours from now.", rich_help_panel=LIMITS),
]
