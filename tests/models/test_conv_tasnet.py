"""Conv-TasNet: the published sizes and names, and what its parts depend on."""

import pytest
import torch

from unmixcli.errors import ConfigError
from unmixcli.models.conv_tasnet import ConvTasNet, ConvTasNetConfig
from unmixcli.network import Geometry

STEMS = ("drums", "bass", "other", "vocals")
TINY = ConvTasNetConfig(
    sources=("a", "b", "c"),
    sample_rate=8000,
    channels=2,
    filters=8,
    bottleneck=6,
    hidden=10,
    blocks=3,
    repeats=2,
)


def configured(**changes) -> ConvTasNetConfig:
    return ConvTasNetConfig(**{**TINY.__dict__, **changes})


@pytest.mark.parametrize(
    ("blocks", "size", "tensors"), [(10, 10_977_872, 366), (8, 8_852_032, 294)]
)
def test_sizes_are_the_published(blocks, size, tensors):
    with torch.device("meta"):
        config = ConvTasNetConfig(sources=STEMS, sample_rate=44100, channels=2, blocks=blocks)
        state = ConvTasNet(config).state_dict()

    assert sum(tensor.numel() for tensor in state.values()) == size
    assert len(state) == tensors


def test_names_and_shapes_are_the_published():
    with torch.device("meta"):
        config = ConvTasNetConfig(sources=STEMS, sample_rate=44100, channels=2)
        shapes = {name: tuple(v.shape) for name, v in ConvTasNet(config).state_dict().items()}

    block = "separator.network.2.3.9.net."
    for name, shape in {
        "encoder.conv1d_U.weight": (256, 2, 20),
        "separator.network.0.gamma": (1, 256, 1),
        "separator.network.0.beta": (1, 256, 1),
        "separator.network.1.weight": (256, 256, 1),
        block + "0.weight": (512, 256, 1),
        block + "1.weight": (1,),
        block + "2.gamma": (1, 512, 1),
        block + "3.net.0.weight": (512, 1, 3),
        block + "3.net.1.weight": (1,),
        block + "3.net.2.beta": (1, 512, 1),
        block + "3.net.3.weight": (256, 512, 1),
        "separator.network.3.weight": (1024, 256, 1),
        "decoder.basis_signals.weight": (40, 256),
    }.items():
        assert shapes[name] == shape, name


def test_a_causal_block_cuts_between_convolution_and_activation():
    names = ConvTasNet(configured(causal=True)).state_dict()

    assert "separator.network.2.0.0.net.3.net.4.weight" in names
    assert "separator.network.2.0.0.net.3.net.1.weight" not in names


def test_what_follows_the_last_whole_hop_is_silence():
    network = ConvTasNet(TINY).eval()
    estimates = network(torch.randn(1, 2, 44103))

    assert estimates.shape == (1, 3, 2, 44103)
    assert not estimates[..., -3:].any()
    assert estimates[..., -4].all()


def test_rows_of_the_basis_are_channel_major():
    network = ConvTasNet(TINY).eval()
    with torch.no_grad():
        network.decoder.basis_signals.weight[20:] = 0

    estimates = network(torch.randn(1, 2, 400))

    assert estimates[:, :, 0].any()
    assert not estimates[:, :, 1].any()


@pytest.mark.parametrize("kernel_size", [2, 5, 20])
def test_the_decoder_maps_each_frame_and_adds_the_overlaps(kernel_size):
    network = ConvTasNet(configured(kernel_size=kernel_size)).double()
    frames = torch.randn(2, 3, 8, 7, dtype=torch.float64)
    pieces = network.decoder.basis_signals(frames.transpose(2, 3)).reshape(2, 3, 7, 2, kernel_size)
    hop = kernel_size // 2
    expected = torch.zeros(2, 3, 2, 6 * hop + kernel_size, dtype=torch.float64)
    for index in range(7):
        expected[..., index * hop : index * hop + kernel_size] += pieces[:, :, index]

    torch.testing.assert_close(network.decoder(frames), expected)


@pytest.mark.parametrize("norm", ["gLN", "cLN", "BN", "id"])
@pytest.mark.parametrize("mask", ["relu", "softmax"])
@pytest.mark.parametrize("causal", [False, True])
def test_every_published_option_runs(norm, mask, causal):
    network = ConvTasNet(configured(norm=norm, mask=mask, causal=causal)).eval()

    assert network(torch.randn(2, 2, 333)).isfinite().all()


def test_a_softmax_mask_is_shared_among_the_sources():
    network = ConvTasNet(configured(mask="softmax"))
    frames = network.encoder(torch.randn(2, 2, 400))

    masks = network.separator(frames)

    torch.testing.assert_close(masks.sum(dim=1), torch.ones_like(frames))


def test_a_relu_mask_is_open_above():
    network = ConvTasNet(TINY)
    masks = network.separator(100 * network.encoder(torch.randn(2, 2, 400)))

    assert (masks >= 0).all()
    assert (masks == 0).any()


@pytest.mark.parametrize("block_kernel", [2, 3])
def test_a_causal_network_does_not_read_ahead(block_kernel):
    config = configured(causal=True, norm="cLN", block_kernel=block_kernel)
    network = ConvTasNet(config).double().eval()
    mixture = torch.randn(1, 2, 400, dtype=torch.float64)
    changed = mixture.clone()
    changed[..., 200:] += 1

    difference = (network(changed) - network(mixture)).abs().amax(dim=(0, 1, 2))

    assert not difference[:180].any()
    assert difference[200:].any()


def test_a_block_reaches_to_both_sides_by_its_dilation():
    """X = 3 and R = 1: one, two and four frames, with the norms left out."""
    network = ConvTasNet(configured(norm="id", repeats=1)).double().eval()
    frames = torch.randn(1, 6, 40, dtype=torch.float64, requires_grad=True)

    network.separator.network[2](frames)[0, :, 20].sum().backward()

    assert frames.grad.abs().sum(dim=(0, 1)).nonzero().flatten().tolist() == list(range(13, 28))


def test_gains_and_offsets_of_the_norms_are_drawn_too():
    """Xavier's normal on (1, C, 1) has the variance 2 / (C + 1)."""
    torch.manual_seed(1)
    network = ConvTasNet(configured(filters=1023))
    norm = network.separator.network[0]

    for drawn in (norm.gamma, norm.beta):
        assert drawn.std().item() == pytest.approx((2 / 1024) ** 0.5, rel=0.1)
        assert abs(drawn.mean().item()) < 0.01


def test_at_least_one_filter_is_read():
    network = ConvTasNet(TINY)

    assert network.geometry(3) == Geometry(20, 20)
    assert network.geometry(352_800) == Geometry(352_800, 352_800)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"norm": "gln"}, "norm must be one of"),
        ({"mask": "sigmoid"}, "mask must be one of"),
        ({"block_kernel": 4}, "block_kernel must be odd"),
        ({"hidden": 8192, "bottleneck": 4096, "blocks": 16}, "weights of the blocks"),
        ({"filters": 4096, "bottleneck": 4096, "sources": tuple("abcdefghijklmnopqrst")}, "mask"),
    ],
)
def test_impossible_configurations_are_refused(changes, reason):
    with pytest.raises(ConfigError, match=reason):
        configured(**changes)
