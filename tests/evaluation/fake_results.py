"""Results of evaluations that nobody ran."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from unmixcli.evaluation.options import Options
from unmixcli.evaluation.results import Failure, Kind, Results, SystemResults, TrackResult
from unmixcli.evaluation.scores import FrameScores, TrackScores

BAND = ("drums", "bass", "other", "vocals")
RATE = 8000


def results(
    folder: Path,
    *,
    systems: Mapping[str, Kind] | Sequence[str] = ("demucs", "wave-u-net"),
    tracks: Mapping[str, Sequence[str]] | Sequence[str] = ("Amber - Kite", "Zeno - Signs"),
    full: bool = False,
    windows: int = 40,
    failures: Sequence[tuple[str, str, str]] = (),
    warnings: Mapping[str, Sequence[str]] | None = None,
    audio: bool = False,
    **changes,
) -> Results:
    """Return results; the scores depend on names only, so that the same are equal.

    Args:
        folder: Of the results, and of the audio.
        systems: Their names, and kinds; the default is a model.
        tracks: Their names, and stems; the default is a band.
        full: Whether there are SIR, SAR and ISR.
        windows: Of each track.
        failures: System, track and error.
        warnings: By track.
        audio: Whether stems were kept; they are written.
        **changes: Fields of the results.
    """
    kinds = systems if isinstance(systems, Mapping) else dict.fromkeys(systems, Kind.MODEL)
    pieces = tracks if isinstance(tracks, Mapping) else dict.fromkeys(tracks, BAND)
    options = Options(full=full)
    failed = [Failure(system=s, track=t, error=e, hint=None, exit_code=3) for s, t, e in failures]

    def scores(system: str, track: str) -> TrackScores:
        return _scores(system, track, pieces[track], options, windows, (warnings or {}))

    given = {
        "folder": folder,
        "dataset": Path("/data/musdb18hq"),
        "layout": "MUSDB18-HQ",
        "split": "test",
        "track_names": tuple(pieces),
        "notes": (),
        "options": options,
        "settings": {"shifts": 1, "device": "cpu", "window": options.window},
        "systems": tuple(
            SystemResults(
                name=name,
                kind=kind,
                folder=folder / "system",
                about=_about(name),
                tracks=tuple(
                    TrackResult(
                        name=track,
                        split="test",
                        scores=scores(name, track),
                        audio=_sounds(folder, name, track, stems) if audio else {},
                    )
                    for track, stems in pieces.items()
                    if not any(one.system == name and one.track == track for one in failed)
                ),
                failures=tuple(one for one in failed if one.system == name),
            )
            for name, kind in kinds.items()
        ),
        "audio": {
            track: _sounds(folder, "references", track, ("mixture", *stems))
            for track, stems in pieces.items()
            if audio
        },
    }
    return Results(**(given | changes))


def _about(name: str) -> dict[str, object]:
    return {
        "sha256": [f"{zlib.crc32(name.encode(errors='surrogateescape')):08x}" * 8],
        "licence": {"spdx": "MIT", "summary": None, "source": "https://example.org/licence"},
        "seed": 0,
        "schedule": {"segment": 441_000, "overlap": 0.25, "shifts": None},
    }


def _rng(*names: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("/".join(names).encode(errors="surrogateescape")))


def _scores(
    system: str,
    track: str,
    stems: Sequence[str],
    options: Options,
    windows: int,
    warnings: Mapping[str, Sequence[str]],
) -> TrackScores:
    def frames(stem: str) -> FrameScores:
        silent = _rng(track, stem).random(windows) < 0.12
        level = _rng(track, stem).normal(5, 2) + _rng(system, stem).normal(0, 1.5)
        rng = _rng(system, track, stem)
        values = [
            np.where(silent, np.nan, level + 3 * rng.standard_t(3, windows) + above)
            for above in (0, 6, 1, 4)
        ]
        sdr, sir, sar, isr = (*values[:1], *(values[1:] if options.full else [None] * 3))
        return FrameScores(
            sdr=sdr, sir=sir, sar=sar, isr=isr, window=options.window, hop=options.hop
        )

    whole = {stem: float(_rng(system, track, stem, "whole").normal(5, 2)) for stem in stems}
    return TrackScores(
        name=track,
        sources={stem: frames(stem) for stem in stems},
        sdr=whole,
        si_sdr={stem: value - 1 for stem, value in whole.items()},
        energy_at_silence={stem: value - 60 for stem, value in whole.items()},
        options=options,
        warnings=tuple(warnings.get(track, ())),
    )


def _sounds(folder: Path, whose: str, track: str, stems: Sequence[str]) -> dict[str, Path]:
    return {stem: _sound(folder / whose / track / f"{stem}.wav", stem) for stem in stems}


def _sound(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.05 * _rng(name).standard_normal(12 * RATE)
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path
