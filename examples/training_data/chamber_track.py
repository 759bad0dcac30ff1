"""One track: its players, what they play, where they sit, and what is asked for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from chamber_ensembles import FORMATION_CHANCE, balance_labels, draw_players, draw_size
from chamber_instruments import INSTRUMENTS, LABELS, Signal
from chamber_kit import Kit
from chamber_others import murmur, play_other
from chamber_playing import play_line, play_phrases, slow_gain
from chamber_room import draw_room, noise_floor, place
from chamber_scores import Library, Notes, draw_lines, fit_line, open_library
from numpy.typing import NDArray

REST = "rest"
_REST_IS_PLAYER, _REST_IS_OTHER = 0.25, 0.08  # of all tracks
_ABSENT = 0.20  # of all tracks: labels that do not sound are asked for
_PHRASES_IN_SCORE = 0.08  # of the parts
_NOISY = 0.3
_FULL_SCALE = 32_767
_MARGIN = 2_000  # samples played beyond the end, where a filter would ring

Stored = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Studio:
    """All that tracks are made of."""

    kit: Kit
    library: Library
    seconds: float
    phrase_share: float
    balance: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Samples of a track."""
        return int(self.seconds * self.kit.sample_rate)


def open_studio(
    kit: Path, cache: Path, part: str, *, seconds: float, sample_rate: int, phrase_share: float
) -> Studio:
    """Open the samples and scores of one part of the data."""
    return Studio(
        kit=Kit(cache, part, sample_rate),
        library=open_library(kit, part),
        seconds=seconds,
        phrase_share=phrase_share,
        balance=balance_labels(FORMATION_CHANCE * (1 - phrase_share)),
    )


def draw_mode(studio: Studio, rng: np.random.Generator) -> str:
    """Return whether a track follows a score or has phrases; the first draw of a track."""
    return "phrases" if rng.random() < studio.phrase_share else "score"


def render_track(
    studio: Studio, mode: str, rng: np.random.Generator, *, clean: bool
) -> dict[str, Stored]:
    """Return the stems of one track; their sum does not clip.

    Args:
        studio: Samples and scores.
        mode: As :func:`draw_mode` says.
        rng: All that is random about the track.
        clean: Whether to keep to labels that sound: no rest, nothing absent.
    """
    chance = FORMATION_CHANCE if mode == "score" else 0.0
    size = draw_size(rng)
    players = draw_players(size, rng, formation_chance=chance, balance=studio.balance)
    stems = _play(studio, mode, players, rng)
    hidden: set[str] = set()
    if not clean:
        hidden = _make_rest(studio, stems, rng)
    if rng.random() < _NOISY:
        _add_noise(studio, stems, rng)
    stored = _store(stems, rng)
    if not clean and rng.random() < _ABSENT:
        absent = [label for label in LABELS if label not in hidden and label not in stems]
        chosen = rng.choice(absent, int(rng.integers(1, 3)), replace=False)
        stored |= {str(label): np.zeros(studio.count, np.int16) for label in chosen}
    return stored


def _play(
    studio: Studio, mode: str, players: list[str], rng: np.random.Generator
) -> dict[str, Signal]:
    """Return what the players of each label sound like in their room."""
    kit, count = studio.kit, studio.count + _MARGIN
    room = draw_room(rng)
    spread_db = rng.uniform(1.5, 5)
    tuning = rng.normal(0, 0.12)
    together = slow_gain(count, kit.sample_rate, 1.5, rng)
    lines: list[Notes | None] = [None] * len(players)
    if mode == "score":
        lines = [*draw_lines(studio.library, len(players), studio.seconds, rng)]
    stems: dict[str, Signal] = {}
    for label, line in zip(players, lines, strict=True):
        if line is None or rng.random() < _PHRASES_IN_SCORE:
            sound = play_phrases(kit, label, count, rng)
        else:
            fitted = fit_line(line, INSTRUMENTS[label])
            sound = play_line(kit, label, fitted, count, tuning, rng) * together
        sound = place(sound, room, kit.sample_rate, rng)[: studio.count]
        sound *= _level(sound, float(np.clip(rng.normal(0, spread_db), -9, 9)))
        stems[label] = stems[label] + sound if label in stems else sound
    return stems


def _make_rest(studio: Studio, stems: dict[str, Signal], rng: np.random.Generator) -> set[str]:
    """Turn one label's stem into the rest, or add a rest, or neither; return what was hidden."""
    draw = rng.random()
    if draw < _REST_IS_PLAYER and len(stems) > 1:
        label = list(stems)[int(rng.integers(len(stems)))]
        stems[REST] = stems.pop(label)
        return {label}
    if _REST_IS_PLAYER <= draw < _REST_IS_PLAYER + _REST_IS_OTHER:
        stems[REST] = _play_other(studio, rng)
    return set()


def _play_other(studio: Studio, rng: np.random.Generator) -> Signal:
    rate, count = studio.kit.sample_rate, studio.count + _MARGIN
    if rng.random() < 0.25:
        sound = murmur(studio.count, rate, rng)
        return sound * _level(sound, -rng.uniform(25, 45))
    lines = draw_lines(studio.library, int(rng.integers(1, 4)), studio.seconds, rng)
    played = play_other(np.concatenate(lines), count, rate, rng)
    sound = place(played, draw_room(rng), rate, rng)[: studio.count]
    return sound * _level(sound, float(np.clip(rng.normal(-2, 4), -12, 6)))


def _level(sound: Signal, level_db: float) -> np.float32:
    """Return the gain that brings a sound, where it is not silent, to a level (0: 0.08)."""
    power = np.mean(sound[: len(sound) // 1024 * 1024].reshape(-1, 1024) ** 2, axis=1)
    active = power[power > 1e-4 * power.max()]
    if not len(active):
        raise ValueError("a player has played nothing")
    return np.float32(0.08 * 10 ** (level_db / 20) / np.sqrt(active.mean()))


def _add_noise(studio: Studio, stems: dict[str, Signal], rng: np.random.Generator) -> None:
    """Add a noise floor to the rest; without one, to every stem in proportion to its power."""
    noise = noise_floor(studio.count, studio.kit.sample_rate, rng)
    power = {label: float(np.mean(stem**2)) for label, stem in stems.items()}
    total = sum(power.values())
    noise *= np.float32(np.sqrt(total) * 10 ** (rng.uniform(-70, -45) / 20))
    if REST in stems:
        power = {REST: total}
    for label, share in power.items():
        stems[label] = stems[label] + noise * np.float32(share / total)


def _store(stems: dict[str, Signal], rng: np.random.Generator) -> dict[str, Stored]:
    """Return 16-bit stems at a random common level; none clips, nor does their sum."""
    mixture = np.sum(list(stems.values()), axis=0)
    peak = max(float(np.abs(sound).max()) for sound in (mixture, *stems.values()))
    gain = rng.uniform(0.25, 0.95) / peak * _FULL_SCALE
    return {label: np.round(stem * gain).astype(np.int16) for label, stem in stems.items()}
