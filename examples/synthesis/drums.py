"""A drum kit: sounds made once per song, and a 4/4 groove that plays them."""

from collections.abc import Iterator

import numpy as np

from synthesis.song import BEATS_PER_BAR, Song
from synthesis.tones import Signal, add_room, noise_band, place, time_axis

_STEPS = 16  # sixteenth notes of a bar
_KICKS = ((0, 8), (0, 6, 8), (0, 7, 10), (0, 3, 8, 10), (0, 10, 11), (0, 4, 8, 12))
_PANS = {"kick": 0.0, "snare": 0.05, "closed": 0.35, "open": 0.35, "crash": -0.4, "tom": -0.2}

Hit = tuple[str, float, float]  # name of the sound, position in sixteenths, velocity


def play_drums(song: Song, rng: np.random.Generator, sample_rate: int) -> Signal:
    """Return the drum stem of a song, (samples, 2)."""
    track = np.zeros((len(time_axis(song.seconds, sample_rate)), 2))
    kit = _build_kit(rng, sample_rate)
    sixteenth = song.beat * BEATS_PER_BAR / _STEPS
    swing = float(rng.choice([0.0, 0.0, 0.16])) * sixteenth
    for start, (name, position, velocity) in _play_bars(song, rng):
        late = swing if position % 2 == 1 else 0.0
        human = abs(float(rng.normal(0.0, 0.003)))
        loudness = velocity * float(rng.uniform(0.85, 1.0))
        place(
            track,
            kit[name] * loudness,
            start + position * sixteenth + late + human,
            sample_rate=sample_rate,
            pan=_PANS[name],
        )
    return add_room(track, rng, seconds=0.35, level=0.12, sample_rate=sample_rate)


def _play_bars(song: Song, rng: np.random.Generator) -> Iterator[tuple[float, Hit]]:
    """Yield the start of the bar, in seconds, and every hit in it."""
    kicks = _KICKS[rng.integers(len(_KICKS))]
    sixteenths = bool(song.tempo < 105 and rng.random() < 0.5)
    for bar, start in song.bars():
        hits = _groove(rng, kicks, sixteenths=sixteenths)
        if bar % 4 == 3:
            hits = [hit for hit in hits if hit[1] < 12] + _fill(rng)
        if bar % 4 == 0:
            hits.append(("crash", 0, 0.9 if bar % 8 == 0 else 0.6))
        for hit in hits:
            yield start, hit


def _groove(rng: np.random.Generator, kicks: tuple[int, ...], *, sixteenths: bool) -> list[Hit]:
    hits: list[Hit] = [("kick", position, 1.0) for position in kicks]
    if rng.random() < 0.3:
        hits.append(("kick", int(rng.choice([7, 11, 14])), 0.7))
    hits += [("snare", 4, 1.0), ("snare", 12, 1.0)]
    hits += [("snare", ghost, 0.2) for ghost in (7, 9, 15) if rng.random() < 0.25]
    for position in range(0, _STEPS, 1 if sixteenths else 2):
        name = "open" if position == 14 and rng.random() < 0.4 else "closed"
        hits.append((name, position, (1.0, 0.45, 0.7, 0.45)[position % 4]))
    return hits


def _fill(rng: np.random.Generator) -> list[Hit]:
    """Return the last beat before a new part."""
    names = [str(rng.choice(["snare", "tom"])) for _ in range(4)]
    return [(name, 12 + index, 0.6 + 0.1 * index) for index, name in enumerate(names)]


def _build_kit(rng: np.random.Generator, sample_rate: int) -> dict[str, Signal]:
    """Return the mono sounds of one kit, tuned by ``rng``."""
    body = float(rng.uniform(160.0, 210.0))
    times = time_axis(0.3, sample_rate)
    rattle = noise_band(rng, len(times), 900.0, 9000.0, sample_rate=sample_rate)
    head = np.sin(2 * np.pi * body * times) + 0.6 * np.sin(2 * np.pi * 1.72 * body * times)
    snare = 0.28 * rattle * np.exp(-times / 0.055) + 0.35 * head * np.exp(-times / 0.045)
    return {
        "kick": _struck(rng, 0.4, float(rng.uniform(44.0, 54.0)), 130.0, 0.12, sample_rate),
        "snare": snare,
        "closed": _cymbal(rng, 0.12, 0.022, 0.1, sample_rate),
        "open": _cymbal(rng, 0.5, 0.12, 0.1, sample_rate),
        "crash": _cymbal(rng, 2.0, 0.5, 0.12, sample_rate),
        "tom": 0.7 * _struck(rng, 0.4, float(rng.uniform(85.0, 120.0)), 60.0, 0.1, sample_rate),
    }


def _struck(
    rng: np.random.Generator, seconds: float, low: float, sweep: float, decay: float, rate: int
) -> Signal:
    """Return a drum whose pitch falls from ``low + sweep`` Hz to ``low`` while it decays."""
    times = time_axis(seconds, rate)
    angle = 2.0 * np.pi * np.cumsum(low + sweep * np.exp(-times / 0.03)) / rate
    click = noise_band(rng, len(times), 1500.0, 6000.0, sample_rate=rate) * np.exp(-times / 0.004)
    edge = np.clip((seconds - times) / 0.02, 0.0, 1.0)
    return np.asarray((np.sin(angle) * np.exp(-times / decay) + 0.15 * click) * edge)


def _cymbal(
    rng: np.random.Generator, seconds: float, decay: float, level: float, sample_rate: int
) -> Signal:
    """Return filtered noise with a metallic ring, dying away in ``decay`` seconds."""
    times = time_axis(seconds, sample_rate)
    sound = noise_band(rng, len(times), 6500.0, 16000.0, sample_rate=sample_rate)
    # Square waves at unrelated frequencies, high-passed, are the classic metal of drum machines.
    for frequency in rng.uniform(0.2, 0.38, 4) * min(sample_rate, 32_000) / 2.0:
        sound += 0.25 * np.sin(2.0 * np.pi * frequency * times)
    return np.asarray(level * sound * np.exp(-times / decay) * np.clip(times / 0.0007, 0.0, 1.0))
