"""Spectra of waveforms, and back: a Hann window, frames centred on every hop."""

import torch
from torch import Tensor


def spectrum_of(waveform: Tensor, n_fft: int, hop: int) -> Tensor:
    """Map (..., samples) to (..., bins, frames); the ends are mirrored."""
    spectrum = torch.stft(
        waveform.flatten(0, -2),
        n_fft,
        hop,
        window=_window(waveform, n_fft),
        pad_mode="reflect",
        return_complex=True,
    )
    return spectrum.reshape(*waveform.shape[:-1], *spectrum.shape[1:])


def waveform_of(spectrum: Tensor, n_fft: int, hop: int, samples: int) -> Tensor:
    """Map (..., bins, frames) to (..., samples)."""
    window = _window(spectrum.real, n_fft)
    flat = spectrum.flatten(0, -3)
    waveform = torch.istft(flat, n_fft, hop, window=window, length=samples)
    return waveform.reshape(*spectrum.shape[:-2], samples)


def _window(like: Tensor, length: int) -> Tensor:
    return torch.hann_window(length, dtype=like.dtype, device=like.device)
