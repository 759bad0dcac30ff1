"""``unmixcli train``: from a folder of tracks to a model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import typer

from unmixcli import __version__
from unmixcli.cli import options, signals
from unmixcli.cli import train_options as train
from unmixcli.cli.output import Printer
from unmixcli.cli.train_progress import Told
from unmixcli.errors import UsageError

if TYPE_CHECKING:
    from unmixcli.training.choice import Choice
    from unmixcli.training.frozen import Frozen
    from unmixcli.training.request import Outcome, Request


def command(
    dataset: train.Dataset = None,
    extra: train.Extra = None,
    model: train.Model = None,
    licence_policy: options.LicencePolicy = None,
    offline: options.Offline = False,
    architecture: train.Architecture = None,
    freeze: train.Freeze = None,
    recipe: train.RecipeName = None,
    config: train.Config = None,
    settings: train.Set = None,
    precision: train.PrecisionChoice = None,
    seed: train.Seed = None,
    show_recipe: train.ShowRecipe = False,
    output: train.Output = Path("run"),
    resume: train.Resume = False,
    save_every: train.SaveEvery = 10.0,
    device: options.Device = "auto",
    max_steps: train.MaxSteps = None,
    max_hours: train.MaxHours = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train a network, or train one further: OUTPUT/model.safetensors."""
    from unmixcli.training.choice import Choice

    choice = Choice(
        recipe=recipe,
        config=config,
        architecture=architecture,
        assignments=tuple(settings or ()),
        seed=seed,
        precision=precision,
    )
    asked = Asked(
        printer=Printer(as_json=as_json, quiet=quiet or _follows(), verbose=verbose),
        dataset=dataset,
        extra=tuple(extra or ()),
        model=model,
        policy=licence_policy,
        freeze=tuple(freeze or ()),
        choice=choice,
    )
    if show_recipe:
        asked.show()
        return
    how = {"device": device, "max_steps": max_steps, "max_hours": max_hours}
    asked.train(output, resume=resume, save_minutes=save_every, **how)


def _follows() -> bool:
    """Say whether another process of the job speaks for this one."""
    return os.environ.get("RANK", "0") != "0"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the options say."""

    printer: Printer
    dataset: Path | None
    extra: tuple[Path, ...]
    model: str | None
    policy: str | None
    freeze: tuple[str, ...]
    choice: Choice

    def show(self) -> None:
        """Print the recipe that would be used."""
        from unmixcli.training import recipe as recipes

        made = self._frozen("").recipe
        self.printer.lines(recipes.to_toml(made).splitlines())
        self.printer.document({"schema": 1, "version": __version__, **recipes.to_dict(made)})

    def train(self, output: Path, *, resume: bool, **how: Any) -> None:
        """Train, and say what came of it.

        Args:
            output: Folder of the run.
            resume: Go on with the run there.
            **how: Other fields of a request.
        """
        from unmixcli.training.request import Request

        cancel = Event()
        received = signals.stop_in_order(cancel)
        request = Request(
            frozen=self.resumed(output) if resume else self.frozen(),
            output=output,
            resume=resume,
            sources_chosen=self.choice.sources_chosen,
            policy=self.policy,
            cancel=cancel,
            **how,
        )
        outcome = _trained(request, self.printer)
        _print(self.printer, outcome)
        if (number := received()) is not None:
            self.printer.note(f"stopped at step {outcome.step}; --resume goes on from there")
            raise typer.Exit(128 + number)

    def frozen(self) -> Frozen:
        """Return what a new run begins with.

        Raises:
            UsageError: There is no data set, or options exclude each other.
        """
        if self.dataset is None:
            raise UsageError("no DATASET", hint="name a folder of tracks with stems")
        return self._frozen(_whole(self.dataset))

    def _frozen(self, dataset: str) -> Frozen:
        from unmixcli.training.frozen import Frozen
        from unmixcli.training.start import known
        from unmixcli.weights import loader

        choice = self.choice
        if self.model is not None and choice.architecture is not None:
            raise UsageError(
                "--model goes on from its weights, --architecture starts from none",
                hint="leave out one of them",
            )
        scratch = choice.architecture or choice.recipe or choice.config
        name = self.model or ("" if scratch else loader.DEFAULT)
        if not self.model and name:
            self.printer.note(
                f"training the embedded model '{name}' further; --architecture starts from scratch"
            )
        before = known(loader.load(name, policy=self.policy)) if name else None
        return Frozen(
            recipe=choice.made(before),
            dataset=dataset,
            extra=self._extra,
            model=name,
            freeze=self.freeze,
        )

    def resumed(self, output: Path) -> Frozen:
        """Return what a run was begun with, or what the options say: it has to be the same.

        Raises:
            ConfigError: There is no run.
        """
        from dataclasses import replace

        from unmixcli.training import frozen, recipe
        from unmixcli.training.folder import RunFolder

        config = RunFolder(output).config
        if self.dataset is not None and not config.exists():
            self.printer.note(f"there is no run in '{output}' yet: it begins")
            return self.frozen()
        before = frozen.read(config)
        place = _whole(self.dataset) if self.dataset else before.dataset
        choice = self.choice
        if any((self.model, choice.recipe, choice.config, choice.architecture)):
            return replace(self._frozen(place), extra=self._extra or before.extra)
        values = [*choice.assignments]
        values += [f"seed={choice.seed}"] if choice.seed is not None else []
        values += [f"precision={choice.precision}"] if choice.precision else []
        return replace(
            before,
            recipe=recipe.with_overrides(before.recipe, values),
            dataset=place,
            extra=self._extra or before.extra,
            freeze=self.freeze or before.freeze,
        )

    @property
    def _extra(self) -> tuple[str, ...]:
        return tuple(map(_whole, self.extra))


def _whole(path: Path) -> str:
    """Return a path that means the same from wherever a run is resumed."""
    return str(path.resolve())


def _trained(request: Request, printer: Printer) -> Outcome:
    from unmixcli.training.session import train as run

    with printer.meter(str(request.output)) as meter:
        return run(request, Told(printer=printer, meter=meter, request=request))


def _print(printer: Printer, outcome: Outcome) -> None:
    if outcome.model is not None:
        printer.lines([str(outcome.model)])
        if not outcome.finished:
            printer.note(f"stopped by a limit at step {outcome.step}; --resume goes on from there")
    printer.document(
        {
            "schema": 1,
            "version": __version__,
            "run": str(outcome.folder),
            "model": None if outcome.model is None else str(outcome.model),
            "steps": outcome.step,
            "finished": outcome.finished,
            "best": outcome.best,
        }
    )
