"""What the configurations of Wave-U-Net's authors mean here."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import textbook
from unmixcli.errors import ConfigError, WeightsError
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.network import Geometry
from unmixcli.schedule import Schedule, Tail
from unmixcli.weights.checkpoint import blank, fill
from unmixcli.weights.published import translate
from unmixcli.weights.published.wave_u_net import CONDITIONAL, INSTRUMENTS, NAMED, SEPARATOR
from unmixcli.weights.registry import architecture

SMALL = {"num_layers": 3, "num_initial_filters": 2, "num_frames": 100}
LONG = Schedule(segment=16_389, power=0.0, tail=Tail.SHIFT, least=147_443)


def variables(state: dict[str, torch.Tensor], depth: int) -> dict[str, torch.Tensor]:
    """Return a state of ours under the names that their graph gives its variables."""
    named = {}
    for name, tensor in state.items():
        part, *rest = name.split(".")
        if part == "interp":
            named[f"separator/interp_{rest[0]}"] = tensor
            continue
        first = {"down": 0, "bottleneck": depth, "up": depth + 1, "heads": 2 * depth + 1}[part]
        number = first + (int(rest[0]) if len(rest) == 2 else 0)
        kind = "kernel" if tensor.dim() == 3 else "bias"
        value = tensor.permute(2, 1, 0) if kind == "kernel" else tensor
        named[f"separator/conv1d{f'_{number}' if number else ''}/{kind}"] = value
    return named


def made(*call):
    published = translate(*call)
    torch.manual_seed(0)
    return published, architecture(published.architecture).build(published.config).eval()


@pytest.mark.parametrize(
    ("name", "weights", "tensors", "channels", "rate", "geometry"),
    [
        ("M1", 10_263_028, 54, 1, 22_050, Geometry(16_384, 16_384, 69_632)),
        ("M2", 10_263_002, 52, 1, 22_050, Geometry(16_384, 16_384, 69_632)),
        ("M3", 10_263_002, 52, 1, 22_050, Geometry(147_443, 16_389)),
        ("M4", 10_263_390, 52, 2, 22_050, Geometry(147_443, 16_389)),
        ("M5", 10_265_550, 64, 2, 22_050, Geometry(147_443, 16_389)),
        ("M5-HighSR", 10_265_550, 64, 2, 44_100, Geometry(147_443, 16_389)),
        ("M6", 10_263_498, 56, 2, 22_050, Geometry(147_443, 16_389)),
        ("M7", 20_594_652, 52, 1, 8192, Geometry(233_459, 102_405)),
        ("Exp", 10_263_288, 74, 1, 22_050, Geometry(147_443, 16_389)),
        ("CExp", 15_654_648, 74, 1, 22_050, Geometry(147_443, 16_389)),
    ],
)
def test_the_papers_networks_are_the_published(name, weights, tensors, channels, rate, geometry):
    published = translate(*NAMED[name])
    network = blank(published.architecture, published.config)
    segment = published.schedule.segment

    assert sum(tensor.numel() for tensor in network.parameters()) == weights
    assert len(network.state_dict()) == tensors
    assert (published.config.channels, published.config.sample_rate) == (channels, rate)
    assert network.geometry(segment) == geometry
    assert segment == (16_384 if "Exp" in name else geometry.output_length)


def test_sizes_are_the_originals(shared):
    """Each published size, from the arguments beside it."""
    counts = json.loads((shared / "golden" / "param_counts.json").read_text())
    calls = [("waveunet", row["overrides"], row) for row in counts["waveunet"].values()]
    calls += [(None, NAMED[key.split("-")[0]], row) for key, row in counts["vimss"].items()]
    for system, options, row in calls:
        published = translate(system, SEPARATOR, options) if system else translate(*options)
        network = blank(published.architecture, published.config)
        geometry = network.geometry(published.schedule.segment)

        assert sum(tensor.numel() for tensor in network.parameters()) == row["num_params"]
        assert len(network.state_dict()) == row.get("num_variables", 74)
        assert [1, geometry.input_length, published.config.channels] == row["input_shape"]
        assert [1, geometry.output_length, published.config.channels] == row["output_shape"]


def test_names_and_shapes_are_the_originals(shared):
    counts = json.loads((shared / "golden" / "param_counts.json").read_text())["waveunet"]
    compared = 0
    for row in counts.values():
        if row["variables"] is None:
            continue
        published = translate("waveunet", SEPARATOR, row["overrides"])
        network = blank(published.architecture, published.config)
        with torch.device("meta"):
            state = {name: torch.empty(shape) for name, shape in row["variables"].items()}

        converted = published.convert(state)

        ours = {name: value.shape for name, value in network.state_dict().items()}
        assert {name: value.shape for name, value in converted.items()} == ours
        compared += 1
    assert compared


def test_sources_are_in_the_order_of_their_convolutions():
    voice, four, all_instruments = (translate(*NAMED[name]).config for name in ("M4", "M6", "Exp"))

    assert voice.sources == ("accompaniment", "vocals")
    assert four.sources == ("bass", "drums", "other", "vocals")
    assert all_instruments.sources == INSTRUMENTS
    assert " ".join(INSTRUMENTS) == "bn cl db fl hn ob sax tba tbn tpt va vc vn"


def test_labels_are_the_instruments_but_for_those_of_another_number():
    exact, fewer = (
        made("vimss", CONDITIONAL, {**SMALL, **more})[1]
        for more in ({}, {"num_labels": 7, "num_sources": 3})
    )

    assert exact.labels == INSTRUMENTS
    assert fewer.labels == tuple(f"label-{number}" for number in range(1, 8))
    assert fewer.config.sources == ("source-1", "source-2", "source-3")


def test_only_the_first_authors_clip():
    assert translate(*NAMED["M4"]).config.clip
    assert not translate(*NAMED["Exp"]).config.clip
    assert not translate(*NAMED["CExp"]).config.clip


@pytest.mark.parametrize("system", ["waveunet", "vimss"])
@pytest.mark.parametrize("upsampling", ["linear", "learned"])
def test_a_state_comes_over_whole(system, upsampling):
    """Into a network of other weights, with the optimiser's variables beside it."""
    published, network = made(system, SEPARATOR, {**SMALL, "upsampling": upsampling})
    theirs = variables(network.state_dict(), 3)
    theirs |= {
        "global_step": torch.tensor(7),
        "separator_solver/beta1_power": torch.tensor(0.9),
        "separator_solver/separator/conv1d/kernel/Adam": torch.zeros(3),
    }

    state = published.convert(theirs)

    assert theirs["separator/conv1d_1/kernel"].shape == (15, 2, 4)
    filled = fill(blank(published.architecture, published.config), state, name="theirs")
    mixture = torch.randn(1, 1, network.geometry(50).input_length)
    torch.testing.assert_close(filled(mixture), network(mixture))
    assert all(tensor.is_contiguous() for tensor in state.values())


@pytest.mark.parametrize(
    ("name", "tensor", "reason"),
    [
        ("separator/conv1d_99/kernel", torch.zeros(1, 1, 1), "'heads.92.weight' is unexpected"),
        ("separator/interp_0", torch.zeros(8), "'interp.0' is unexpected"),
        ("separator/batch_norm/beta", torch.zeros(8), "'separator/batch_norm/beta' is unexpected"),
        ("separator/conv1d/kernel", torch.zeros(15, 2), "'down.0.weight' is [15, 2] where"),
        ("separator/conv1d/kernel", torch.zeros(15, 2, 1), "'down.0.weight' is [1, 2, 15] where"),
    ],
)
def test_variables_that_do_not_fit_are_refused(name, tensor, reason):
    published, network = made("waveunet", SEPARATOR, SMALL)
    state = published.convert(variables(network.state_dict(), 3) | {name: tensor})

    with pytest.raises(WeightsError) as caught:
        fill(blank(published.architecture, published.config), state, name="theirs")
    assert reason in str(caught.value)


def test_a_missing_variable_is_named():
    published, network = made("waveunet", SEPARATOR, SMALL)
    theirs = variables(network.state_dict(), 3)
    del theirs["separator/conv1d_3/bias"]

    with pytest.raises(WeightsError, match=r"'bottleneck\.bias' is missing"):
        fill(
            blank(published.architecture, published.config),
            published.convert(theirs),
            name="theirs",
        )


@given(first=st.integers(1, 20), down=st.integers(1, 20), frames=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_a_first_convolution_reckoned_longer_or_shorter_than_it_is_still_reads(first, down, frames):
    """The authors' rule gives a length, and the network, told nothing, predicts from it."""
    options = {**SMALL, "context": True, "filter_size": down, "input_filter_size": first}
    _, network = made("waveunet", SEPARATOR, options)
    exact = translate("waveunet", SEPARATOR, {**options, "input_filter_size": down}).config
    length = exact.geometry(frames).input_length + first - down

    if length >= network.geometry(1).input_length:
        assert network(torch.zeros(1, 1, length)).shape[-1] >= 1


def test_tracks_are_cut_by_what_is_predicted():
    assert translate(*NAMED["M4"]).schedule == LONG
    short = Schedule(segment=16_384, power=0.0, tail=Tail.SHIFT, least=16_384)
    assert translate(*NAMED["M1"]).schedule == short
    assert translate(*NAMED["Exp"]).schedule == Schedule(segment=16_384, power=0.0)


@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize("beyond", [-200, -60, -1, 0, 1, 99, 333])
def test_a_track_is_cut_as_by_the_authors(context, beyond):
    """Window by window, the last moved back to end with the track, over what it covers.

    A track shorter than what is read at once is made as long first.
    """
    published, network = made("waveunet", SEPARATOR, {**SMALL, "context": context})
    segment = published.schedule.segment
    least = network.geometry(segment).input_length
    samples = max(least + beyond, 1)
    mixture = torch.randn(1, samples)
    engine = Engine(
        name="small",
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=published.schedule),
        draw=recorded([]),
        device=torch.device("cpu"),
    )

    stitched = torch.cat([*separate_stream(mixture.split(64, -1), samples, [engine])], dim=-1)

    made_long = max(samples, least)
    expected = torch.zeros(2, 1, made_long)
    for start in range(0, made_long, segment):
        at = min(start, made_long - segment)
        window = textbook.predict(network, textbook.window(mixture), at, segment)
        expected[..., at : at + segment] = window
    torch.testing.assert_close(stitched, expected[..., :samples], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"network": "unet_spectrogram"}, "no architecture here for the network"),
        ({"task": "karaoke"}, "task must be one of voice, multi_instrument"),
        ({"output_type": "mask"}, "output_type must be direct or difference"),
        ({"evil": 1}, "no hyper-parameter 'evil'"),
        ({"num_frames": 0}, "num_frames must be an integer"),
        ({"num_frames": "many"}, "num_frames must be an integer"),
        ({"context": True, "input_filter_size": "15"}, "input_filter_size must be an integer"),
        ({"context": True, "filter_size": None}, "filter_size must be an integer"),
        ({"context": True, "num_layers": 10**9}, "num_layers must be an integer"),
        ({"num_layers": 10**9}, "depth must be in 1..16"),
    ],
)
def test_impossible_arguments_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        translate("waveunet", SEPARATOR, options)


@pytest.mark.parametrize("count", [0, -1, 10**9, "two", None, True])
def test_impossible_numbers_of_instruments_are_refused(count):
    with pytest.raises(ConfigError, match="number of sources must be an integer"):
        translate("vimss", CONDITIONAL, {"num_sources": count})
