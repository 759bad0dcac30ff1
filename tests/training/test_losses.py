import math

import numpy as np
import pytest
import torch

from unmixcli.errors import ConfigError
from unmixcli.training import losses
from unmixcli.training.losses import LOSSES
from unmixcli.training.settings import LossTerm

SOURCES = ("drums", "bass", "other", "vocals")
SHAPE = (3, 4, 2, 4096)


def noise(seed, *, shape=SHAPE, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype) * 0.1


def built(name, *, weight=1.0, **params):
    return losses.build([LossTerm(name=name, weight=weight, params=params)], sources=SOURCES)


def value(name, estimates, references, **params):
    return float(built(name, **params)(estimates, references)[name])


def test_l1_is_the_mean_of_magnitudes():
    estimates, references = noise(1), noise(2)
    plain = np.mean(np.abs(estimates.numpy() - references.numpy()))

    assert value("l1", estimates, references) == pytest.approx(plain, rel=1e-5)


def test_l2_is_the_mean_of_squares():
    estimates, references = noise(1), noise(2)
    plain = np.mean((estimates.numpy() - references.numpy()) ** 2)

    assert value("l2", estimates, references) == pytest.approx(plain, rel=1e-5)


def test_a_sum_is_over_all_but_the_batch():
    estimates, references = noise(1), noise(2)
    of_items = np.sum((estimates.numpy() - references.numpy()) ** 2, axis=(1, 2, 3))
    whole = value("l2", estimates, references, reduction="sum")

    assert whole == pytest.approx(of_items.mean(), rel=1e-5)
    assert value("l2", estimates[:1], references[:1], reduction="sum") == pytest.approx(
        of_items[0], rel=1e-5
    )


def test_a_relative_difference_does_not_hear_how_loud_an_item_is():
    estimates, references = noise(1), noise(2)
    louder = torch.tensor([1.0, 4.0, 0.5])[:, None, None, None]
    levels = references.sum(1).square().mean((1, 2)).sqrt().numpy()
    plain = np.mean(
        ((estimates - references).square().mean((1, 2, 3)).numpy() / levels**2),
    )
    found = value("l2", estimates, references, relative=True)

    assert found == pytest.approx(plain, rel=1e-5)
    assert value("l2", louder * estimates, louder * references, relative=True) == pytest.approx(
        found, rel=1e-5
    )


@pytest.mark.parametrize("chosen", [("vocals",), ("vocals", "drums", "bass")])
def test_the_dissimilarity_is_the_papers(chosen):
    estimates, references = noise(1).double(), noise(2).double()
    terms = [
        LossTerm(name="l1", params={"sources": list(chosen)}),
        LossTerm(name="dissimilarity", params={"sources": list(chosen)}),
    ]
    total = losses.build(terms, sources=SOURCES)(estimates, references)["loss"]

    plain = 0.0
    for name in chosen:
        j = SOURCES.index(name)
        distances = [
            np.mean(np.abs((estimates[:, j] - references[:, i]).numpy())) for i in range(4)
        ]
        plain += distances[j] - 0.05 * sum(d for i, d in enumerate(distances) if i != j)
    assert float(total) == pytest.approx(plain / len(chosen), rel=1e-5)


def test_si_sdr_is_le_rouxs():
    estimates, references = noise(1) + noise(2), noise(2)
    e, r = (x.double().numpy().reshape(12, -1) for x in (estimates, references))
    target = (np.sum(e * r, 1) / np.sum(r * r, 1))[:, None] * r
    plain = 10 * np.log10(np.sum(target**2, 1) / np.sum((e - target) ** 2, 1))

    assert value("si-sdr", estimates, references) == pytest.approx(-plain.mean(), abs=1e-3)
    assert value("si-sdr", 7 * estimates, references) == pytest.approx(-plain.mean(), abs=1e-3)


def test_sdr_is_that_of_the_waveform_as_it_is():
    estimates, references = noise(1) + noise(2), noise(2)
    e, r = (x.double().numpy().reshape(12, -1) for x in (estimates, references))
    plain = 10 * np.log10(np.sum(r**2, 1) / np.sum((e - r) ** 2, 1))

    assert value("sdr", estimates, references) == pytest.approx(-plain.mean(), abs=1e-3)
    assert value("sdr", 2 * references, references) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", ["sdr", "si-sdr"])
def test_sdr_stops_paying_at_its_most(name):
    references = noise(2)

    assert value(name, references, references, most=30.0) == pytest.approx(-30, abs=0.01)
    assert value(name, references, references) == pytest.approx(-60, abs=0.2)


def test_si_sdr_leaves_silent_references_out():
    estimates, references = noise(1) + noise(2), noise(2)
    references[:, 1] = 0

    assert value("si-sdr", estimates, references) == pytest.approx(
        value("si-sdr", estimates, references, sources=["drums", "other", "vocals"]), abs=1e-4
    )


def test_the_stft_loss_is_yamamotos():
    estimates, references = noise(1) + noise(2), noise(2)
    plain = []
    for size in (512, 1024):
        window = np.hanning(size + 1)[:-1]
        window = window / np.linalg.norm(window)

        def magnitudes(x, size=size, window=window):
            padded = np.pad(x.double().numpy(), [(0, 0)] * 3 + [(size // 2, size // 2)])
            frames = np.lib.stride_tricks.sliding_window_view(padded, size, -1)[
                ..., :: size // 4, :
            ]
            return np.maximum(np.abs(np.fft.rfft(frames * window)), 1e-4)

        e, r = magnitudes(estimates), magnitudes(references)
        convergence = np.linalg.norm(e - r, axis=(-2, -1)) / np.linalg.norm(r, axis=(-2, -1))
        plain.append(np.mean(convergence) + np.mean(np.abs(np.log(e) - np.log(r))))

    found = value("stft", estimates, references, sizes=[512, 1024])
    assert found == pytest.approx(np.mean(plain), rel=1e-4)


def test_the_spectral_loss_compares_bins_and_compressed_magnitudes():
    estimates, references = noise(1) + noise(2), noise(2)
    size, hop = 1024, 256
    window = torch.hann_window(size)
    level = references.sum(1).square().mean((1, 2)).sqrt()[:, None, None, None]
    e, r = (
        torch.stft(
            (x / level).flatten(0, 2),
            size,
            hop,
            window=window,
            pad_mode="constant",
            return_complex=True,
        )
        / window.square().sum().sqrt()
        for x in (estimates, references)
    )
    bins = ((e - r).real.abs().mean() + (e - r).imag.abs().mean()) / 2
    magnitudes = ((e.abs() + 1e-3) ** 0.4 - (r.abs() + 1e-3) ** 0.4).abs().mean()

    found = value("spectrum", estimates, references, size=size, hop=hop)
    assert found == pytest.approx(float(bins + magnitudes), rel=1e-4)


def test_frames_of_unit_noise_have_unit_bins():
    spectrum = losses.spectral.spectrum(noise(3, shape=(1, 1, 1, 65_536)) * 10, 1024, 256)

    assert float(spectrum[..., 4:-4].abs().square().mean()) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("case", ["same", "silent references", "silent estimates", "all silent"])
@pytest.mark.parametrize("relative", [False, True])
def test_silence_leaves_every_loss_and_gradient_finite(name, case, relative):
    estimates, references = noise(1), noise(2)
    if case == "same":
        estimates = references.clone()
    if case in ("silent estimates", "all silent"):
        estimates = torch.zeros_like(estimates)
    if case in ("silent references", "all silent"):
        references = torch.zeros_like(references)
    estimates.requires_grad_()
    params = {"relative": relative} if name in ("l1", "l2", "spectrum") else {}

    loss = built(name, **params)(estimates, references)["loss"]
    loss.backward()

    assert torch.isfinite(loss)
    assert torch.isfinite(estimates.grad).all()


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "dissimilarity"])
def test_what_is_equal_is_best(name):
    references = noise(2)
    near, far = references + 0.1 * noise(1), references + noise(1)
    best, better, worse = (value(name, e, references) for e in (references, near, far))

    assert best < better < worse
    assert name in ("sdr", "si-sdr") or best == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_only_the_chosen_sources_count(name):
    estimates, references = noise(1), noise(2)
    other = estimates.clone()
    other[:, :3] += 1

    assert value(name, estimates, references, sources=["vocals"]) == value(
        name, other, references, sources=["vocals"]
    )


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_computed_in_float32(name):
    estimates, references = noise(1).bfloat16(), noise(2)
    found = built(name)(estimates, references)

    assert {tensor.dtype for tensor in found.values()} == {torch.float32}


def test_terms_are_weighed_and_named():
    estimates, references = noise(1), noise(2)
    terms = [
        LossTerm(name="l1", weight=2.0),
        LossTerm(name="l2", weight=0.5),
        LossTerm(name="l1", weight=3.0, params={"sources": ["bass"]}),
    ]
    found = losses.build(terms, sources=SOURCES)(estimates, references)

    assert set(found) == {"loss", "l1", "l2", "l1-2"}
    assert float(found["loss"]) == pytest.approx(
        float(2 * found["l1"] + 0.5 * found["l2"] + 3 * found["l1-2"]), rel=1e-6
    )
    assert math.isclose(float(found["l1"]), value("l1", estimates, references), rel_tol=1e-6)


def test_a_batch_in_parts_comes_to_the_same():
    estimates, references = noise(1), noise(2)
    for name in ("l1", "l2", "dissimilarity", "spectrum", "stft"):
        whole = value(name, estimates, references)
        parts = [value(name, estimates[i : i + 1], references[i : i + 1]) for i in range(3)]

        assert whole == pytest.approx(np.mean(parts), rel=1e-4)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="estimates are"):
        built("l1")(noise(1), noise(2)[..., :-1])


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("dissimilarity", {"alpha": 1.5}),
        ("sdr", {"most": 0.0}),
        ("si-sdr", {"most": 0.0}),
        ("stft", {"sizes": []}),
        ("stft", {"sizes": [8]}),
        ("stft", {"floor": 0.0}),
        ("spectrum", {"hop": 8192}),
        ("spectrum", {"power": 0.0}),
        ("l1", {"reduction": "most"}),
        ("l1", {"relative": 1}),
    ],
)
def test_impossible_parameters_are_refused(name, params):
    with pytest.raises(ConfigError, match=rf"loss.0 \({name}\)"):
        built(name, **params)


@pytest.mark.gpu
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_the_same_on_another_device(name):
    estimates, references = noise(1), noise(2)
    there = float(built(name)(estimates.cuda(), references.cuda())[name])

    assert there == pytest.approx(value(name, estimates, references), rel=1e-4)
