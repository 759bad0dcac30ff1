"""The vocals: what is sung when, doubles and harmonies, and the chain of a pop voice."""

from typing import NamedTuple

import numpy as np
from band_effects import (
    Band,
    brightened,
    compress,
    decibels,
    echo,
    equalise,
    loudness,
    pan,
    reverberate,
    room,
    saturate,
    wobbled,
)
from band_notes import SAMPLE_RATE, Excerpt, Signal, Songbook
from band_pitch import best_transposition, shift_pitch, varispeed
from band_voices import Clip, Voices, place_clip

# What is sung: recordings of singing, clips where the song has what they sing, or anything else.
_SUNG = {"real": 0.4, "fitting": 0.36, "free": 0.24}


class Part(NamedTuple):
    """What a track starts from: a song, where and how, and the clip that is sung first."""

    song: int
    first: float  # beat
    transpose: int
    tempo: float
    clip: Clip | None
    start: float  # of the clip, in seconds
    speed: float  # semitones of varispeed of the clip


def choose_part(
    songs: Songbook, voices: Voices, seconds: float, rng: np.random.Generator, *, sung: bool
) -> Part:
    """Return what a track plays, and the first clip that it sings if it is sung."""
    kind = str(rng.choice(list(_SUNG), p=list(_SUNG.values()))) if sung else "none"
    if kind == "fitting" and voices.placed:
        return _fitting_part(songs, voices, seconds, rng)
    tempo = float(2.0 ** rng.normal(0, 0.12))
    song = int(rng.choice(songs.ids()))
    last = songs.beats(song) - seconds * tempo / songs.beat(song)
    first = float(rng.integers(0, max(1, int(last))))
    if not sung:
        return Part(song, first, int(rng.integers(-6, 6)), tempo, None, 0.0, 0.0)
    pool = voices.real if kind == "real" and voices.real else voices.made
    clip = pool[int(rng.integers(len(pool)))]
    speed = float(rng.uniform(-2, 2)) if clip.real and rng.random() < 0.5 else 0.0
    # The song moves to the key that suits the clip.
    fixed = np.roll(voices.pitch_classes(clip), round(speed))
    there = songs.excerpt(song, first, seconds, tempo=tempo).pitch_classes()
    transpose = best_transposition(there, fixed, 6) if rng.random() < 0.8 else 0
    return Part(song, first, transpose, tempo, clip, float(rng.uniform(-1, 3)), speed)


def _fitting_part(
    songs: Songbook, voices: Voices, seconds: float, rng: np.random.Generator
) -> Part:
    """Return a clip at its own place in the song that it sings, in its key and tempo."""
    clip = voices.placed[int(rng.integers(len(voices.placed)))]
    assert clip.song is not None
    beat = songs.beat(clip.song)
    first = float(max(0, int(clip.beat - rng.uniform(0.0, 0.3 * seconds) / beat)))
    start = (clip.beat - first) * beat - clip.lead_in
    transpose = (clip.transpose + 6) % 12 - 6
    return Part(clip.song, first, transpose, 1.0, clip, start, 0.0)


def sing(
    part: Part, excerpt: Excerpt, voices: Voices, rng: np.random.Generator
) -> tuple[Signal, Signal]:
    """Return the lead voice and its recorded second voices, mono."""
    n = int(excerpt.seconds * SAMPLE_RATE)
    lead, second = np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.float32)
    clip, start, shift = part.clip, part.start, 0
    fixed = excerpt.pitch_classes()
    pause = float(rng.choice([0.2, 0.8, 1.5]))
    first = clip
    while clip is not None and start < excerpt.seconds - 1.0:
        sound = shift_pitch(varispeed(voices.sound(clip), part.speed), shift)
        piece = slice(None)
        if clip.song is None or clip is not first:  # somewhere in it, and not all of it
            longest = max(0.0, len(sound) / SAMPLE_RATE - 6.0)
            skip = int(rng.uniform(0, longest) * SAMPLE_RATE)
            piece = slice(skip, skip + int(rng.uniform(5, 16) * SAMPLE_RATE))
        end = place_clip(lead, sound[piece], start)
        other = voices.second_voice(clip)
        if other is not None:
            harmony = shift_pitch(varispeed(voices.sound(other), part.speed), shift)
            place_clip(second, harmony[piece], start)
        start = max(end, 0.0) + float(rng.exponential(pause))
        clip = _next_clip(clip, voices, rng)
        wrong = np.roll(voices.pitch_classes(clip), round(part.speed))
        shift = best_transposition(wrong, fixed, 2) if rng.random() < 0.7 else 0
    return lead, second


def _next_clip(clip: Clip, voices: Voices, rng: np.random.Generator) -> Clip:
    """Return what is sung after a clip: often by the same singer, always of the same sort."""
    pool = voices.real if clip.real else voices.made
    same = [other for other in pool if other.speaker == clip.speaker]
    if rng.random() < 0.6:
        pool = same
    return pool[int(rng.integers(len(pool)))]


def _chorus(lead: Signal, second: Signal, rng: np.random.Generator, seconds: float) -> Signal:
    """Return doubles and harmonies of a lead, spread wide, in a part of the track, (2, n)."""
    wide = np.zeros((2, len(lead)), dtype=np.float32)
    begin = float(rng.uniform(0.0, 0.6)) * seconds
    length = float(rng.uniform(0.3, 1.0)) * seconds
    times = np.arange(len(lead)) / SAMPLE_RATE
    window = np.clip((times - begin) / 0.05, 0, 1) * np.clip((begin + length - times) / 0.05, 0, 1)
    source = lead * window.astype(np.float32)
    piece = slice(int(begin * SAMPLE_RATE), int((begin + length) * SAMPLE_RATE))
    if rng.random() < 0.75:
        level = np.float32(decibels(float(rng.uniform(-12, -4))))
        for side in (-1.0, 1.0):
            take = wobbled(source, rng, float(rng.uniform(0.015, 0.035)), 0.006)
            wide += level * pan(take, side * float(rng.uniform(0.5, 1.0)))
    if rng.random() < 0.6:
        intervals = rng.choice([-12, -5, -5, 3, 4, 4, 5, 7, 12], int(rng.integers(1, 3)))
        for interval in intervals:
            voice = np.zeros_like(source)
            voice[piece] = shift_pitch(source[piece], float(interval))
            voice = wobbled(voice, rng, 0.02, 0.006)
            level = np.float32(decibels(float(rng.uniform(-14, -5))))
            wide += level * pan(voice, float(rng.choice([-1, 1]) * rng.uniform(0.3, 1.0)))
    level = np.float32(decibels(float(rng.uniform(-9, -2))))
    return wide + level * pan(second, float(rng.uniform(-0.8, 0.8)))


def _tone(voice: Signal, rng: np.random.Generator) -> Signal:
    """Return a voice as someone who mixes pop would shape it; mostly brighter than recorded."""
    voice = equalise(
        voice,
        Band("highpass", float(rng.uniform(70, 150))),
        Band("peak", float(rng.uniform(220, 450)), float(rng.uniform(-6, -0.5)), 0.9),
        Band("peak", float(rng.uniform(2500, 5000)), float(rng.uniform(0, 5)), 0.8),
    )
    # The air shelf goes to where finished voices are, wherever the recording was.
    return brightened(voice, float(np.clip(rng.normal(-18.5, 3.0), -27, -12)), (-12.0, 12.0))


def mix_vocals(
    lead: Signal,
    second: Signal,
    excerpt: Excerpt,
    rng: np.random.Generator,
    *,
    plain: bool,
) -> Signal:
    """Return the vocals in stereo: lead, doubles, harmonies, processed like pop, sometimes dry."""
    voice = pan(lead, float(np.clip(rng.normal(0, 0.03), -0.2, 0.2)))
    if rng.random() < 0.5:
        voice = voice + _chorus(lead, second, rng, excerpt.seconds)
    if loudness(voice) < 1e-6:
        return voice
    if not plain:
        voice = _tone(voice, rng)
    if rng.random() < 0.85:
        ratio = float(rng.uniform(2, 8))
        voice = compress(voice, float(rng.uniform(-10, 0)), ratio, attack=0.004, release=0.1)
    if rng.random() < 0.45:
        voice = saturate(voice, float(rng.uniform(0, 9)))
    if rng.random() < 0.3:
        beats = float(rng.choice([0.25, 0.5, 0.75, 1.0]))
        level = float(rng.uniform(0.08, 0.3))
        voice = echo(voice, beats * excerpt.beat, float(rng.uniform(0.2, 0.5)), level)
    if rng.random() < 0.8:
        size = float(np.exp(rng.uniform(np.log(0.4), np.log(2.6))))
        plate = room(rng, size, bright=9000.0, predelay=float(rng.uniform(0.0, 0.05)))
        voice = reverberate(voice, plate, float(rng.uniform(0.05, 0.35)))
    return voice
