import torch

from unmixcli.layers.recurrent import BLSTM


def test_it_reads_both_ways_along_time_and_keeps_the_shape():
    layer = BLSTM(3, layers=1)
    features = torch.randn(2, 3, 9)
    changed = features.clone()
    changed[:, :, 4] += 1

    difference = (layer(changed) - layer(features)).abs().sum(dim=(0, 1))

    assert difference.shape == (9,)
    assert (difference > 0).all()


def test_states_have_the_published_names():
    names = set(BLSTM(3, layers=2).state_dict())

    assert {"linear.weight", "linear.bias", "lstm.weight_ih_l1_reverse"} <= names
    assert len(names) == 2 + 16
