import torch

from unmixcli.layers.norms import EPSILON, ChannelwiseNorm, GlobalNorm


def test_global_norm_is_joint_over_channels_and_time():
    """Not per channel, and not over time only."""
    features = torch.randn(2, 5, 40, dtype=torch.float64) * torch.arange(1, 6)[:, None] + 3

    made = GlobalNorm(5).double()(features)

    torch.testing.assert_close(made.mean(dim=(1, 2)), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(
        made.var(dim=(1, 2), correction=0), torch.ones(2, dtype=torch.float64)
    )
    assert (made.mean(dim=2).abs() > 1e-3).any()


def test_channelwise_norm_is_over_the_channels_of_each_frame():
    features = torch.randn(2, 5, 40, dtype=torch.float64) * 7 + 3

    made = ChannelwiseNorm(5).double()(features)

    torch.testing.assert_close(made.mean(dim=1), torch.zeros(2, 40, dtype=torch.float64))
    torch.testing.assert_close(
        made.var(dim=1, correction=0), torch.ones(2, 40, dtype=torch.float64)
    )


def test_gain_offset_and_epsilon_are_where_the_definition_has_them():
    features = torch.randn(1, 3, 4, dtype=torch.float64) * 1e-4
    for norm, axes in ((GlobalNorm(3), (1, 2)), (ChannelwiseNorm(3), (1,))):
        norm.double()
        with torch.no_grad():
            norm.gamma.copy_(torch.tensor([1.0, 2.0, 3.0])[None, :, None])
            norm.beta.copy_(torch.tensor([4.0, 5.0, 6.0])[None, :, None])
        mean = features.mean(dim=axes, keepdim=True)
        power = ((features - mean) ** 2).mean(dim=axes, keepdim=True)
        expected = norm.gamma * (features - mean) / (power + EPSILON) ** 0.5 + norm.beta

        torch.testing.assert_close(norm(features), expected)
