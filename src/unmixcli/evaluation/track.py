"""Score the estimates of a track: signals in, scores out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from unmixcli.evaluation import museval_engine, windows
from unmixcli.evaluation.framing import frames, samples
from unmixcli.evaluation.options import Engine, Options
from unmixcli.evaluation.pairing import Pairs, pair
from unmixcli.evaluation.ratios import energy_at_silence, is_silent, sdr, si_sdr
from unmixcli.evaluation.scenarios import Scenario, scenarios
from unmixcli.evaluation.scores import FrameScores, TrackScores
from unmixcli.evaluation.windows import ISR, SAR, SDR, SIR, Windows


def evaluate_track(
    references: Mapping[str, Any],
    estimates: Mapping[str, Any],
    sample_rate: int,
    *,
    options: Options | None = None,
    name: str = "track",
) -> TrackScores:
    """Score estimates against the references of the same names.

    Args:
        references: By stem, (channels, samples), floats of full scale 1.
        estimates: Likewise.
        sample_rate: Of all of them, in Hz.
        options: How to score.
        name: Of the track; errors begin with it.

    Raises:
        ConfigError: A window is shorter than a sample, or museval is asked for and absent.
        DatasetError: The signals cannot be compared; see :func:`pair`.
    """
    options = options or Options()
    pairs = pair(references, estimates, sample_rate, track=name, compat=options.compat)
    window, hop = samples(options.window, sample_rate), samples(options.hop, sample_rate)
    cuts = frames(pairs.length, window, hop)
    scored: dict[str, FrameScores] = {}
    warnings = [*pairs.warnings, *_silences(pairs, options)]
    for scenario in scenarios(pairs.names):
        true = [pairs.references[stem] for stem in scenario.members]
        guess = [pairs.estimates[stem] for stem in scenario.members]
        if options.engine is Engine.MUSEVAL:
            found = museval_engine.score(true, guess, window, hop, options)
        else:
            found = windows.score(true, guess, cuts, options)
        scored |= _named(found, scenario, options)
        if options.filtered:
            warnings += _doubts(found, scenario, pairs, options)
    each = {stem: (pairs.references[stem], pairs.estimates[stem]) for stem in pairs.names}
    return TrackScores(
        name=name,
        sources={stem: scored[stem] for stem in pairs.names},
        sdr={stem: sdr(*both) if both[0].any() else np.nan for stem, both in each.items()},
        si_sdr={stem: si_sdr(*both) for stem, both in each.items()},
        energy_at_silence={stem: energy_at_silence(*both, cuts) for stem, both in each.items()},
        options=options,
        warnings=tuple(warnings),
    )


def _named(found: Windows, scenario: Scenario, options: Options) -> dict[str, FrameScores]:
    """Give the scores of a scenario the names of those of its stems that count."""
    named = {}
    for row, stem in enumerate(scenario.members):
        if stem in scenario.scored:
            values = found.values[:, row]
            named[stem] = FrameScores(
                sdr=values[SDR],
                sir=values[SIR] if options.filtered else None,
                sar=values[SAR] if options.filtered else None,
                isr=values[ISR] if options.filtered else None,
                window=options.window,
                hop=options.hop,
            )
    return named


def _silences(pairs: Pairs, options: Options) -> list[str]:
    """Say which signals are silent throughout."""
    said = [
        f"{stem}: {kind} is silent throughout{effect}"
        for kind, signals, effect in (
            ("reference", pairs.references, ", not scored"),
            ("estimate", pairs.estimates, ""),
        )
        for stem, signal in signals.items()
        if is_silent(signal, summed=options.compat)
    ]
    if said and options.compat:
        said.append("museval refuses a track with a silent stem: all windows are void")
    return said


def _doubts(found: Windows, scenario: Scenario, pairs: Pairs, options: Options) -> list[str]:
    """Say what makes SIR, SAR and ISR doubtful."""
    said = []
    if len(scenario.members) == 1 and not options.compat:
        said.append(f"{scenario.members[0]}: the only stem, so there is no interference: no SIR")
    for one, other in combinations(scenario.members, 2):
        if np.array_equal(pairs.references[one], pairs.references[other]):
            said.append(f"{one}, {other}: references are the same; no estimate can tell them apart")
    if found.ill_posed:
        said.append(
            f"{', '.join(scenario.members)}: references are nearly dependent, as those of lossy "
            "files are; SIR, SAR and ISR may differ by more than 0.001 dB from other programs'"
        )
    return said
