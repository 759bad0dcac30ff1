"""What the Wavenet's authors configured and stored, in our terms."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from unmixcli.errors import ConfigError, WeightsError
from unmixcli.schedule import Context, Normalise, Tail
from unmixcli.weights.checkpoint import blank, fill
from unmixcli.weights.published import Published, translate

VOICE, MULTI = "SingingVoiceSeparationWavenet", "MultiInstrumentSeparationWavenet"
CONFIG: dict[str, Any] = {
    "dataset": {"path": "data/MUS", "sample_rate": 16_000, "type": "musdb18"},
    "model": {
        "condition_encoding": "binary",
        "dilations": 2,
        "filters": {
            "depths": {"final": [8, 7], "res": 4, "skip": 5},
            "lengths": {"final": [3, 3], "res": 3, "skip": 1},
        },
        "num_stacks": 2,
        "target_field_length": 101,
        "target_padding": 1,
    },
    "optimizer": {"lr": 0.001},
    "training": {"batch_size": 10},
}


def translated(name: str = VOICE, beside: dict[str, Any] | None = None, **model) -> Published:
    config = deepcopy(CONFIG) | (beside or {})
    config["model"].update(model)
    return translate("wavenet", name, config)


def stored(outputs: int = 1, first: int = 1) -> dict[str, Tensor]:
    """Return a state as Keras names and lays it out, numbered from ``first`` on."""
    torch.manual_seed(1)
    shapes = {"initial_causal_conv/kernel": (3, 1, 4)}
    for index, (dilation, stack) in enumerate((d, s) for s in (0, 1) for d in (1, 2, 4)):
        shapes[f"res_{index + 1}_dilated_conv_d{dilation}_s{stack}/kernel"] = (3, 4, 8)
        shapes[f"conv1d_{first + index}/kernel"] = (1, 4, 9)
    shapes[f"conv1d_{first + 6}/kernel"] = (3, 5, 8)
    shapes[f"conv1d_{first + 7}/kernel"] = (3, 8, 7)
    shapes[f"conv1d_{first + 8}/kernel"] = (1, 7, outputs)
    shapes[f"conv1d_{first + 8}/bias"] = (outputs,)
    return {name: torch.randn(shape) for name, shape in sorted(shapes.items())}


def load(state: dict[str, Tensor]) -> torch.nn.Module:
    published = translated()
    network = blank(published.architecture, published.config)
    return fill(network, published.convert(state), name="stored")


@pytest.mark.parametrize(
    ("name", "sources"),
    [(VOICE, ("vocals", "accompaniment")), (MULTI, ("vocals", "drums", "bass", "other"))],
)
def test_a_class_says_what_is_separated(name, sources):
    published = translated(name)

    assert published.architecture == "wavenet"
    assert published.config.sources == sources
    assert (published.config.sample_rate, published.config.channels) == (16_000, 1)
    assert published.config.blocks == (1, 2, 4, 1, 2, 4)
    assert published.config.final == (8, 7)


def test_one_target_field_follows_the_other_from_the_first_with_its_whole_context():
    schedule = translated().schedule

    assert (schedule.segment, schedule.overlap, schedule.power) == (101, 0.0, 0.0)
    assert schedule.origin == 14
    assert schedule.tail is Tail.PAD
    assert schedule.context is Context.NEIGHBOURS
    assert schedule.normalise is Normalise.NONE


def test_a_target_field_length_beside_the_sections_wins():
    assert translated(beside={"target_field_length": 33}).schedule.segment == 33


def test_the_networks_own_section_is_enough():
    published = translate("wavenet", VOICE, {"model": CONFIG["model"]})

    assert published.config == translated().config
    assert translated(beside={"dataset": {"sample_rate": 8000}}).config.sample_rate == 8000


def test_dilations_may_be_listed():
    assert translated(dilations=[1, 3, 9]).config.dilations == (1, 3, 9)


def test_what_the_authors_write_back_is_read_over():
    results = {"input_length": 129, "num_params": 1, "receptive_field_length": 29}

    assert translated(type="singing-voice", **results).config == translated().config


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "multi-instrument"}, "of type 'singing-voice', got 'multi-instrument'"),
        ({"evil": 1}, "no hyper-parameter 'evil'"),
        ({"filters": {}}, "no configuration of a Wavenet"),
        ({"filters": None}, "no configuration of a Wavenet"),
        ({"num_stacks": 10**9}, "stacks must be in"),
        ({"num_stacks": "2"}, "stacks must be of type int"),
        ({"dilations": 10**9}, "dilations must be an integer in 0..20"),
        ({"dilations": "512"}, "dilations must be an integer"),
        ({"dilations": [1, -1]}, "dilations must be an integer"),
        ({"target_field_length": 0}, "target_field_length must be an integer"),
        ({"target_field_length": None}, "target_field_length must be an integer"),
    ],
)
def test_what_no_wavenet_can_have_is_refused(change, reason):
    with pytest.raises(ConfigError, match=reason):
        translated(**change)


@pytest.mark.parametrize("beside", [{"evil": 1}, {"model": []}, {"dataset": None}, {"model": 3}])
def test_what_is_no_configuration_is_refused(beside):
    with pytest.raises(ConfigError):
        translate("wavenet", VOICE, CONFIG | beside)


def test_a_kernel_answers_to_an_impulse_in_its_own_order():
    """Theano convolves; torch correlates, and would give the taps in reverse."""
    state = stored()
    state["initial_causal_conv/kernel"][:, 0, 0] = torch.tensor([1.0, 2.0, 3.0])
    impulse = F.one_hot(torch.tensor([3]), 7)[None].float()

    response = load(state).first(impulse)[0, 0]

    assert response.tolist() == [0, 0, 1, 2, 3, 0, 0]


def test_input_and_output_channels_change_places():
    state = stored()
    network = load(state)

    for name, weight in {
        "res_2_dilated_conv_d2_s0/kernel": network.blocks[1].dilated.weight,
        "conv1d_7/kernel": network.final[0].weight,
        "conv1d_9/kernel": network.output.weight,
    }.items():
        torch.testing.assert_close(weight, state[name].flip(0).permute(2, 1, 0))
    torch.testing.assert_close(network.output.bias, state["conv1d_9/bias"])


@pytest.mark.parametrize("first", [2, 5, 96])
def test_plain_convolutions_may_be_numbered_from_anywhere(first):
    """By number, not by name: 9 comes before 10."""
    plain, offset = load(stored()).state_dict(), load(stored(first=first)).state_dict()
    state = stored(first=first)

    assert offset.keys() == plain.keys()
    for index in range(6):
        expected = state[f"conv1d_{first + index}/kernel"].permute(2, 1, 0)
        assert torch.equal(offset[f"blocks.{index}.mix.weight"], expected)


def test_stacks_of_other_dilations_are_refused_though_they_fit():
    convert = translated(num_stacks=1, dilations=[1, 2, 4, 8, 16, 32]).convert

    with pytest.raises(WeightsError, match=r"not 1 x \(1, 2, 4, 8, 16, 32\)"):
        convert(stored())


def test_a_missing_convolution_is_refused():
    state = stored()
    del state["conv1d_3/kernel"]

    with pytest.raises(WeightsError, match="8 plain convolutions instead of 9"):
        load(state)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"evil/kernel": torch.zeros(1, 1, 1)}, "'evil/kernel' is unexpected"),
        ({"conv1d_2/kernel": torch.zeros(4, 9)}, r"'blocks.1.mix.weight' is \[4, 9\]"),
        ({"conv1d_2/bias": torch.zeros(9)}, "'blocks.1.mix.bias' is unexpected"),
    ],
)
def test_what_does_not_fit_is_refused(change, reason):
    with pytest.raises(WeightsError, match=reason):
        load(stored() | change)
