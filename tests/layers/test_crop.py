import pytest
import torch

from unmixcli.layers.crop import centre_crop


def test_the_extra_sample_of_an_odd_excess_goes_at_the_right():
    signal = torch.arange(8)

    assert centre_crop(signal, 5).tolist() == [1, 2, 3, 4, 5]
    assert centre_crop(signal, 6).tolist() == [1, 2, 3, 4, 5, 6]
    assert centre_crop(signal, 8).tolist() == signal.tolist()


def test_nothing_can_be_cropped_to_more_than_there_is():
    with pytest.raises(ValueError, match="3 samples to 4"):
        centre_crop(torch.zeros(1, 3), 4)
