import pytest
import torch

from training_material import RATE, augmented, batch, built
from unmixcli.errors import ConfigError
from unmixcli.training import augment
from unmixcli.training.augment import AUGMENTATIONS
from unmixcli.training.settings import AugmentStep

# Parameters at which something happens to every item of a short batch.
BUSY = {
    "equaliser": {"p": 1.0},
    "gain": {},
    "low-pass": {"p": 1.0},
    "remix": {"group": 2},
    "repitch": {"p": 1.0},
    "reverb": {"p": 1.0},
    "shelf": {"p": 1.0},
    "shift": {"samples": 300},
    "sign": {},
    "swap": {},
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_place_gives_the_same(name):
    sources = batch()
    once, again = (augmented(name, sources, **BUSY[name]) for _ in range(2))

    assert torch.equal(once, again)
    assert not torch.equal(once, sources)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("other", [{"seed": 9}, {"step": 9}, {"first": 64}])
def test_another_place_gives_another(name, other):
    sources = batch(items=8)

    assert not torch.equal(
        augmented(name, sources, **BUSY[name]), augmented(name, sources, **BUSY[name], **other)
    )


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_no_global_state_is_read_or_left(name):
    sources, state = batch(), torch.random.get_rng_state()
    once = augmented(name, sources, **BUSY[name])

    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(5)
    assert torch.equal(augmented(name, sources, **BUSY[name]), once)


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "remix"])
def test_an_item_is_augmented_alike_in_any_batch(name):
    sources = batch(items=4)
    whole = augmented(name, sources, first=10, **BUSY[name])
    halves = [
        augmented(name, sources[start : start + 2], first=10 + start, **BUSY[name])
        for start in (0, 2)
    ]

    assert torch.allclose(torch.cat(halves), whole, atol=1e-6)


def test_a_group_is_dealt_out_alike_in_any_batch():
    sources = batch(items=8)
    whole = augmented("remix", sources, group=4)
    halves = [augmented("remix", sources[i : i + 4], first=i, group=4) for i in (0, 4)]

    assert torch.equal(torch.cat(halves), whole)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_what_is_given_stays_as_it_is(name):
    sources = batch().requires_grad_()
    before = sources.detach().clone()
    made = augmented(name, sources, **BUSY[name])

    assert torch.equal(sources, before)
    assert not made.requires_grad


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_what_is_silent_stays_silent(name):
    sources = batch()
    sources[:, 1] = 0
    made = augmented(name, sources, **BUSY[name])

    assert not made[:, 1].any()
    assert made[:, 0].any()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_nothing_happens_with_no_probability(name):
    sources = batch()
    made = augmented(name, sources, **{**BUSY[name], "p": 0.0})

    assert torch.equal(made, sources[..., : made.shape[-1]])


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_any_number_of_channels_is_augmented(name, channels):
    sources = batch(channels=channels, items=2)
    made = augmented(name, sources, **BUSY[name])

    assert made.shape[:3] == sources.shape[:3]
    assert torch.isfinite(made).all()


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("samples", [1, 999, 1000, 1001])
def test_what_is_read_becomes_what_was_asked_for(name, samples):
    augmentation = built(name, **BUSY[name])
    read = augmentation.reads(samples)
    made = augmentation(batch(items=2, samples=read), seed=0, step=0)

    assert made.shape[-1] == samples
    if samples > 1:
        fewer = augmentation(batch(items=2, samples=read - 1), seed=0, step=0)
        assert fewer.shape[-1] == samples - 1


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_share_of_the_sources_or_items_is_augmented(name):
    sources = batch(items=64, channels=2, samples=400)
    params = {**BUSY[name], "p": 0.5}
    if name == "shift":
        params["samples"] = 300
    made = augmented(name, sources, **params)
    kept = sources[..., : made.shape[-1]]
    changed = (made != kept).flatten(2).any(-1).float().mean()

    # A remix within two leaves half of the groups as they were, even where it is done.
    assert (0.15 if name == "remix" else 0.4) < changed < (0.35 if name == "remix" else 0.6)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.gpu
def test_an_augmentation_is_the_same_on_another_device(name):
    sources = batch()
    there = augmented(name, sources.cuda(), **BUSY[name])

    assert there.is_cuda
    assert torch.allclose(there.cpu(), augmented(name, sources, **BUSY[name]), atol=1e-3)


def test_steps_are_done_in_their_order():
    steps = [
        AugmentStep(name="repitch", params={"p": 0.0}),
        AugmentStep(name="shift", params={"samples": 44_100}),
        AugmentStep(name="gain"),
        AugmentStep(name="gain"),
    ]
    augmentation = augment.build(steps, sample_rate=RATE)

    assert augmentation.reads(447_146) == 558_235  # as much as Demucs' code reads
    sources = torch.ones(1, 1, 1, 60_000)
    made = augmentation(sources, seed=0, step=0)
    factor = made[0, 0, 0, 0]
    assert made.shape[-1] == int(60_000 * 0.88) - 44_100
    assert torch.allclose(made, factor.expand_as(made))
    # Two of the same kind draw other numbers.
    first = augment.build(steps[:3], sample_rate=RATE)(sources, seed=0, step=0)[0, 0, 0, 0]
    assert not torch.isclose(factor, first * first)


def test_no_steps_change_nothing():
    sources = batch()
    augmentation = augment.build([], sample_rate=RATE)

    assert augmentation(sources, seed=0, step=0) is sources
    assert augmentation.reads(5) == 5


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("equaliser", {"low": 5.0}),
        ("equaliser", {"low": 900.0, "high": 800.0}),
        ("equaliser", {"bands": 0}),
        ("gain", {"low": -1.0}),
        ("gain", {"low": 2.0}),
        ("gain", {"p": 1.5}),
        ("gain", {"p": True}),
        ("low-pass", {"low": 9000.0, "high": 8000.0}),
        ("remix", {"group": -1}),
        ("repitch", {"semitones": 13}),
        ("repitch", {"most": 60.0}),
        ("repitch", {"method": "rubberband"}),
        ("repitch", {"voices": "vocals"}),
        ("reverb", {"driest": 0.0}),
        ("reverb", {"shortest": 2.0, "longest": 1.0}),
        ("reverb", {"gap": 0.4}),
        ("shift", {"samples": 0}),
        ("sign", {"low": 1.0}),
    ],
)
def test_impossible_parameters_are_refused(name, params):
    with pytest.raises(ConfigError, match=rf"augment.0 \({name}\)"):
        built(name, **params)
