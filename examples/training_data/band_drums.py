"""The drums: sampled, from the sound font, or electronic; then their room and bus."""

import numpy as np
from band_effects import (
    Band,
    brightened,
    compress,
    decibels,
    equalise,
    loudness,
    pan,
    random_tone,
    reverberate,
    room,
    saturate,
    scaled,
)
from band_instruments import Instruments
from band_notes import SAMPLE_RATE, Note, Signal
from band_synthesis import electronic_drums

# General MIDI drum keys by what is struck; any other key is "perc".
_ROLES = {
    **dict.fromkeys((35, 36), "kick"),
    37: "stick",
    **dict.fromkeys((38, 40), "snare"),
    39: "clap",
    **dict.fromkeys((42, 44), "hat"),
    46: "openhat",
    **dict.fromkeys((41, 43), "tom_lo"),
    **dict.fromkeys((45, 47), "tom_mid"),
    **dict.fromkeys((48, 50), "tom_hi"),
    **dict.fromkeys((51, 53, 59), "ride"),
    **dict.fromkeys((49, 52, 55, 57), "crash"),
}
# What stands in for a role that a kit lacks.
_INSTEAD = {
    "clap": "snare",
    "stick": "snare",
    "openhat": "hat",
    "ride": "hat",
    "crash": "openhat",
    "tom_hi": "tom_mid",
    "tom_mid": "tom_lo",
    "tom_lo": "kick",
}
# Peak in decibels, and how far from the middle.
_BALANCE = {
    "kick": (0.0, 0.0),
    "snare": (-1.0, 0.05),
    "clap": (-3.0, 0.1),
    "stick": (-6.0, 0.1),
    "hat": (-12.5, 0.35),
    "openhat": (-11.0, 0.35),
    "ride": (-9.0, 0.4),
    "crash": (-5.0, 0.5),
    "tom_lo": (-3.0, 0.4),
    "tom_mid": (-3.0, 0.1),
    "tom_hi": (-3.0, 0.4),
    "perc": (-9.0, 0.5),
}
_FONT_KITS = (0, 8, 16, 24, 25, 32, 40)  # programs of the sound font's drum bank

Shots = dict[str, list[tuple[float, Signal]]]  # by role: velocity layer and sound


def _sampled_kit(instruments: Instruments, rng: np.random.Generator) -> Shots:
    """Return one-shots of one sampled kit, or of several, one drum of each role."""
    source = str(rng.choice(["muldjord", "muldjord", "sonicpi", "any"]))
    drums: dict[str, dict[str, list[tuple[float, str]]]] = {}
    for entry in instruments.drums:
        if source in (entry["inst"], "any"):
            stem = str(entry["file"]).rpartition(".")[0]
            # Layers of one drum share a name and differ in a number.
            name = stem.rpartition("_")[0] if entry["inst"] == "muldjord" else stem
            layers = drums.setdefault(entry["role"], {}).setdefault(name, [])
            layers.append((float(entry["vel"]), entry["file"]))
    shots: Shots = {}
    for role, named in sorted(drums.items()):
        name = str(rng.choice(sorted(named)))
        shots[role] = [(layer, instruments.sound(file)) for layer, file in sorted(named[name])]
    return shots


def _strike(
    notes: list[Note], samples: int, shots: Shots, rng: np.random.Generator, loose: float
) -> Signal:
    """Return the notes struck on a kit, (2, n)."""
    track = np.zeros((2, samples), dtype=np.float32)
    places = {role: float(rng.normal(0, spread)) for role, (_, spread) in _BALANCE.items()}
    levels = {role: decibels(level + rng.normal(0, 1.5)) for role, (level, _) in _BALANCE.items()}
    for note in notes:
        role = _ROLES.get(note.pitch, "perc")
        while role not in shots and role in _INSTEAD:
            role = _INSTEAD[role]
        if role not in shots:
            continue
        layers = shots[role]
        wish = note.velocity + rng.normal(0, 0.05)
        _, sound = min(layers, key=lambda layer: abs(layer[0] - wish))
        gain = np.float32(levels[role] * note.velocity**1.3 / (np.abs(sound).max() + 1e-6))
        start = max(0, int((note.start + rng.normal(0, loose)) * SAMPLE_RATE))
        stereo = sound if sound.ndim == 2 else pan(sound, float(np.clip(places[role], -1, 1)))
        stereo = stereo[:, : max(0, samples - start)]
        track[:, start : start + stereo.shape[1]] += gain * stereo
    return track


def play_drums(
    notes: list[Note],
    samples: int,
    instruments: Instruments,
    rng: np.random.Generator,
    *,
    kind: str,
    plain: bool,
) -> Signal:
    """Return the drums, (2, n); kinds: sampled, font, electronic. Plain is without equaliser."""
    if kind == "font":
        program = int(rng.choice(_FONT_KITS))
        track = pan(instruments.font.play(notes, samples, program, drums=True), 0.0)
    elif kind == "electronic":
        machine = {role: [(1.0, sound)] for role, sound in electronic_drums(rng).items()}
        track = _strike(notes, samples, machine, rng, 0.0)
    else:
        track = _strike(notes, samples, _sampled_kit(instruments, rng), rng, 0.002)
    return _mix_drums(scaled(track, 0.1), rng, dry=kind == "electronic", plain=plain)


def _mix_drums(track: Signal, rng: np.random.Generator, *, dry: bool, plain: bool) -> Signal:
    if loudness(track) < 1e-6:
        return track
    if rng.random() < (0.3 if dry else 0.75):
        size = float(np.exp(rng.uniform(np.log(0.2), np.log(1.2))))
        space = room(rng, size, bright=float(rng.uniform(5000, 12000)), predelay=0.005)
        track = reverberate(track, space, float(rng.uniform(0.05, 0.3)))
    if rng.random() < 0.7:
        ratio = float(rng.uniform(2, 5))
        attack = float(rng.uniform(0.005, 0.03))
        track = compress(track, float(rng.uniform(-4, 6)), ratio, attack=attack, release=0.1)
    if rng.random() < 0.4:  # in parallel: crushed, driven, below the dry drums
        crushed = saturate(compress(track, -8.0, 8.0, attack=0.002, release=0.08), 12.0)
        track = track + np.float32(rng.uniform(0.15, 0.6)) * crushed
    if rng.random() < 0.2:
        track = saturate(track, float(rng.uniform(3, 12)))
    if plain:
        return track
    track = equalise(track, Band("highpass", 28.0), *random_tone(rng))
    return brightened(track, float(rng.normal(-3.0, 4.0)), (-5.0, 3.0))
