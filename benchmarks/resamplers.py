"""Which resampler for the stream? Prints a Markdown table.

    python benchmarks/resamplers.py

libsoxr's stream at two qualities against ``torchaudio.functional.resample`` with its
"kaiser best" filter, run blockwise: blocks of whole periods, read with enough context on
both sides to equal the one-shot result.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from math import gcd

import numpy as np
import soxr
import torch
import torchaudio.functional
from numpy.typing import NDArray

from unmixcli.audio.resample import StreamingResampler

Samples = NDArray[np.float32]  # (n, channels)
Resampler = Callable[[Samples, int, int], Samples]

CD, STUDIO = 44_100, 48_000
BLOCK = 65_536
MOST_MEMORY = 6 << 30
KAISER_BEST = {
    "lowpass_filter_width": 64,
    "rolloff": 0.9475937167399596,
    "resampling_method": "sinc_interp_kaiser",
    "beta": 14.769656459379492,
}


def soxr_stream(quality: str) -> Resampler:
    """Return libsoxr fed in blocks."""

    def resample(samples: Samples, source: int, target: int) -> Samples:
        state = soxr.ResampleStream(source, target, samples.shape[1], quality=quality)
        parts = [
            state.resample_chunk(samples[start : start + BLOCK])
            for start in range(0, len(samples), BLOCK)
        ]
        return np.concatenate([*parts, state.resample_chunk(samples[:0], last=True)])

    return resample


def torchaudio_blocks(samples: Samples, source: int, target: int) -> Samples:
    """Resample with torchaudio, block by block, as a stream would."""
    period, out = source // gcd(source, target), target // gcd(source, target)
    context = -(-2 * 64 * max(period, out) // (out * period)) * period + period
    hop = max(1, BLOCK // period) * period
    signal = torch.from_numpy(samples.T.copy())
    total = -(-len(samples) * target // source)
    parts = []
    for start in range(0, len(samples), hop):
        first = max(0, start - context)
        piece = signal[:, first : start + hop + context]
        made = torchaudio.functional.resample(piece, source, target, **KAISER_BEST)
        skip = (start - first) // period * out
        parts.append(made[:, skip : skip + hop // period * out])
    return torch.cat(parts, -1)[:, :total].numpy().T


def ours(samples: Samples, source: int, target: int) -> Samples:
    """Resample as unmixcli does: libsoxr VHQ, filled up to the exact length."""
    resampler = StreamingResampler(source, target, samples.shape[1])
    parts = list(resampler.stream([torch.from_numpy(samples.T.copy())]))
    return torch.cat(parts, -1).numpy().T


RESAMPLERS: dict[str, Resampler] = {
    "soxr HQ": soxr_stream("HQ"),
    "soxr VHQ": soxr_stream("VHQ"),
    "unmixcli": ours,
    "torchaudio kaiser best": torchaudio_blocks,
}


def tone(hertz: float, rate: int) -> Samples:
    """Return a second of a faded tone at half of full scale, (rate, 1)."""
    phase = 2 * np.pi * hertz * np.arange(rate) / rate
    return (0.5 * np.sin(phase) * np.blackman(rate)).astype(np.float32)[:, None]


def level_db(samples: Samples) -> float:
    """Return the energy per second's worth of rows, in dB."""
    return float(10 * np.log10(np.square(samples, dtype=np.float64).sum() + 1e-30))


def gain_db(resample: Resampler, hertz: float, source: int, target: int) -> float:
    """Return what becomes of a tone's level, in dB."""
    before = tone(hertz, source)
    after = resample(before, source, target)
    return level_db(after) - level_db(before) - 10 * float(np.log10(target / source))


def ripple_db(resample: Resampler, top: float) -> float:
    """Return the spread of gain up to ``top`` Hz, 44.1 to 48 kHz, in dB."""
    gains = [gain_db(resample, f, CD, STUDIO) for f in np.linspace(20, top, 24)]
    return max(gains) - min(gains)


def alias_db(resample: Resampler) -> float:
    """Return the loudest that a tone above 22.05 kHz comes back, 48 to 44.1 kHz, in dB."""
    return max(gain_db(resample, f, STUDIO, CD) for f in np.linspace(22_100, 23_900, 19))


def round_trip_db(resample: Resampler) -> float:
    """Return the error of 44.1 to 48 to 44.1 kHz on noise below 16 kHz, in dB."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(5 * CD))
    spectrum[16_000 * 5 :] = 0
    noise = np.fft.irfft(spectrum) * np.hanning(5 * CD) * 0.1
    before = noise.astype(np.float32)[:, None]
    after = resample(resample(before, CD, STUDIO), STUDIO, CD)[: len(before)]
    return level_db(after - before) - level_db(before)


def delay_samples(resample: Resampler) -> float:
    """Return where the energy of a click ends up, less where it should be, in samples."""
    click = np.zeros((CD, 1), np.float32)
    click[CD // 2] = 1
    energy = np.square(resample(click, CD, STUDIO)[:, 0], dtype=np.float64)
    return float((np.arange(len(energy)) * energy).sum() / energy.sum()) - STUDIO / 2


def length_error(resample: Resampler) -> int:
    """Return the samples made less the ceiling of the ratio, over odd lengths; the worst."""
    lengths = (1, 1_001, 44_099, 100_003)
    made = [len(resample(np.zeros((n, 1), np.float32), CD, STUDIO)) for n in lengths]
    wanted = [-(-n * STUDIO // CD) for n in lengths]
    return min(a - b for a, b in zip(made, wanted, strict=True))


def seconds_per_minute(resample: Resampler) -> float:
    """Return the CPU time for a minute of stereo, 44.1 to 48 kHz, in s."""
    minute = np.random.default_rng(1).standard_normal((60 * CD, 2)).astype(np.float32)
    resample(minute[:CD], CD, STUDIO)
    start = time.process_time()
    resample(minute, CD, STUDIO)
    return time.process_time() - start


def memory(name: str) -> str:
    """Return what one second of 44101 to 44100 Hz takes above the idle process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_coprime, (name,))


def _coprime(name: str) -> str:
    samples = np.zeros((44_101, 2), np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    start = time.process_time()
    try:
        RESAMPLERS[name](samples, 44_101, 44_100)
    except (MemoryError, RuntimeError):
        return f"gives up at {MOST_MEMORY >> 30} GB"
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{(after - before) / 1024:.0f} MB, {time.process_time() - start:.2f} s"


def main() -> None:
    """Print one row per resampler."""
    torch.set_num_threads(1)
    print(
        "| resampler | ripple to 16 kHz | to 20 kHz | alias 22.1-23.9 kHz | round trip "
        "| delay | length | CPU per minute of stereo | 1 s of 44101→44100 Hz |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, resample in RESAMPLERS.items():
        print(
            f"| {name} | {ripple_db(resample, 16_000):.5f} dB "
            f"| {ripple_db(resample, 20_000):.4f} dB "
            f"| {alias_db(resample):.1f} dB | {round_trip_db(resample):.1f} dB "
            f"| {delay_samples(resample):+.5f} | {length_error(resample):+d} "
            f"| {seconds_per_minute(resample):.2f} s | {memory(name)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
