import pytest
import torch

from training_material import augmented, batch


def ratios(made, sources):
    """Return the factor of every source, which must be one for all its samples."""
    factors = made / sources
    assert torch.allclose(factors, factors[..., :1, :1].expand_as(factors), atol=1e-4)
    return factors[..., 0, 0]


@pytest.mark.parametrize(("low", "high"), [(0.25, 1.25), (0.7, 1.0)])
def test_every_source_has_a_gain_of_its_own(low, high):
    sources = torch.ones(256, 4, 2, 3)
    factors = ratios(augmented("gain", sources, low=low, high=high), sources).flatten()

    assert low <= float(factors.min()) < low + 0.01
    assert high - 0.01 < float(factors.max()) <= high
    assert float(factors.mean()) == pytest.approx((low + high) / 2, abs=0.02)
    assert len(factors.unique()) == len(factors)


def test_the_usual_gain_is_that_of_demucs():
    sources = torch.ones(256, 4, 1, 1)

    assert torch.equal(
        augmented("gain", sources), augmented("gain", sources, low=0.25, high=1.25, p=1.0)
    )


def test_half_of_the_sources_are_turned_upside_down():
    sources = batch(items=256, samples=3)
    factors = ratios(augmented("sign", sources), sources)

    assert set(factors.round(decimals=4).flatten().tolist()) == {-1.0, 1.0}
    assert float(factors.mean()) == pytest.approx(0, abs=0.1)


def test_half_of_the_sources_change_sides():
    sources = batch(items=256, samples=3)
    made = augmented("swap", sources)
    turned = (made == sources.flip(2)).flatten(2).all(-1)
    kept = (made == sources).flatten(2).all(-1)

    assert (turned ^ kept).all()
    assert float(turned.float().mean()) == pytest.approx(0.5, abs=0.1)


def test_mono_has_no_sides():
    sources = batch(channels=1)

    assert torch.equal(augmented("swap", sources, p=1.0), sources)


def test_the_mixture_is_what_the_sources_add_up_to():
    """Signs, sides and gains are of sources, so that a mixture made after is their sum."""
    sources = batch()
    made = augmented("sign", augmented("gain", sources))
    factors = ratios(made, sources)[..., None, None]

    assert torch.allclose(made.sum(1), (factors * sources).sum(1), atol=1e-6)
