"""Write the report of an evaluation."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from unmixcli import __version__
from unmixcli.durable import write_text
from unmixcli.evaluation.report import plots, tables
from unmixcli.evaluation.report.listening import SEED, Item, items
from unmixcli.evaluation.report.pages import flattened, page, trusted
from unmixcli.evaluation.report.plots import Plot
from unmixcli.evaluation.report.table import Table
from unmixcli.evaluation.report.wording import shown
from unmixcli.evaluation.results import Results
from unmixcli.evaluation.summary import SILENCE, is_chamber_music, stems_of


def write_report(folder: Path, results: Results) -> list[Path]:
    """Write pages and pictures; equal results give the same bytes.

    Args:
        folder: Where they go: ``report.html``; ``plots/*.svg``; and ``listen.html``, a blind
            listening test, where stems were kept.
        results: What was scored. Its audio is linked to, relative to the folder.

    Returns:
        All files that were written.

    Raises:
        OutputError: One cannot be written.
    """
    pictures = {
        "windows": plots.distributions(results),
        "tracks": plots.tracks(results),
        "void": [plots.void(results)] if results.scored else [],
    }
    heard = items(results, folder)
    texts = {
        folder / "plots" / f"{plot.name}.svg": plot.file
        for group in pictures.values()
        for plot in group
    }
    texts[folder / "report.html"] = _report(results, pictures, heard)
    if heard:
        texts[folder / "listen.html"] = page(
            "listen", dataset=results.dataset.name, data=_test(results, heard)
        )
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _report(results: Results, pictures: dict[str, list[Plot]], heard: Sequence[Item]) -> str:
    metrics = tables.metrics_of(results)
    chamber = is_chamber_music(results)
    return page(
        "report",
        version=__version__,
        results=results,
        sources=stems_of(results),
        settings=flattened(results.settings),
        about={system.name: _about(system.about) for system in results.systems},
        pictures=pictures,
        inline=lambda plot: trusted(plot.inline),
        medians=[tables.medians(results, metric) for metric in metrics],
        pooled=[tables.pooled(results, metric) for metric in metrics],
        whole=_whole(results),
        per_track=_per_track(results, metrics),
        void=tables.void(results),
        silence=tables.whole(
            results,
            SILENCE,
            "Energy of estimates where their reference is silent, median over tracks, in dB of "
            "full scale",
        ),
        by_sources=tables.by_sources(results) if chamber else None,
        instruments=[tables.instruments(results, metric) for metric in metrics] if chamber else [],
        uneven=len({tuple(one.name for one in each.tracks) for each in results.systems}) > 1,
        warnings=_warnings(results),
        heard=_by_track(heard),
    )


def _about(about: Mapping[str, Any]) -> list[list[tuple[str, str]]]:
    """Return what decides the numbers of a system: what most ask for first, and the rest."""
    rest = [key for key, value in about.items() if isinstance(value, Mapping) and key != "licence"]
    parts = ([key for key in about if key not in rest], rest)
    return [flattened({key: about[key] for key in part}) for part in parts]


def _whole(results: Results) -> list[Table]:
    return [
        tables.whole(results, metric, f"{metric} of whole tracks, median over tracks, in dB")
        for metric in ("SDR", "SI-SDR")
    ]


def _per_track(results: Results, metrics: Sequence[str]) -> list[tuple[str, Table]]:
    """Return the tables of tracks, each with a short title."""
    found = [
        (
            f"Median {metric}",
            tables.per_track(
                results, tables.median_of(metric), f"Median {metric} of a track's windows, in dB"
            ),
        )
        for metric in metrics
    ]
    for metric, unit in (("SDR", "dB"), ("SI-SDR", "dB"), (SILENCE, "dB of full scale")):
        title = f"{metric[0].upper()}{metric[1:]} of the whole track"
        value = tables.whole_of(metric)
        found.append((title, tables.per_track(results, value, f"{title}, in {unit}")))
    return found


def _warnings(results: Results) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Return each warning once for a track, with the systems it is about: by track."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for system in results.systems:
        for scores in system.scores:
            for warning in scores.warnings:
                found[scores.name][warning].append(system.name)
    return [(track, list(said.items())) for track, said in found.items()]


def _by_track(heard: Sequence[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for item in heard:
        found[item.track].append(item)
    return found


def _test(results: Results, heard: Sequence[Item]) -> dict[str, Any]:
    """Return what the listening test knows; its identity is that of its contents."""
    content = {
        "dataset": shown(results.dataset.name),
        "seed": SEED,
        "items": [
            {
                "track": shown(item.track),
                "source": shown(item.source),
                "mixture": item.mixture,
                "excerpt": [item.start, item.end],
                "candidates": [
                    {
                        "label": _label(index),
                        "system": None if sound.name is None else shown(sound.name),
                        "address": sound.address,
                    }
                    for index, sound in enumerate(item.blind())
                ],
            }
            for item in heard
        ],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {"id": digest[:16], **content}


def _label(index: int) -> str:
    """Return A, B and so on; after Z comes A2."""
    turn, letter = divmod(index, len(ascii_uppercase))
    return ascii_uppercase[letter] + (str(turn + 1) if turn else "")
