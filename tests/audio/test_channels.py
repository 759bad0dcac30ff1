from pathlib import Path

import pytest
import torch

from unmixcli.audio.channels import adapt, check_channels, restore
from unmixcli.errors import AudioError


@pytest.mark.parametrize(("file", "model"), [(1, 2), (2, 2), (1, 1), (2, 1), (6, 1)])
def test_what_loses_no_channel_is_allowed(file, model):
    check_channels(Path("a.wav"), file, model)


@pytest.mark.parametrize(("file", "model"), [(6, 2), (3, 2), (2, 4)])
def test_surround_is_not_cut_down_to_its_first_two_channels(file, model):
    with pytest.raises(AudioError, match=f"'a.wav' has {file} channels, model reads") as caught:
        check_channels(Path("a.wav"), file, model)

    assert "mix it down" in caught.value.hint
    with pytest.raises(ValueError, match="cannot make"):
        adapt(torch.zeros(file, 3), model)


def test_mono_is_duplicated_for_a_stereo_model_and_comes_back_mono():
    mono = torch.randn(1, 10)

    stereo = adapt(mono, 2)

    assert torch.equal(stereo, torch.cat([mono, mono]))
    assert torch.equal(restore(stereo[None], 1), mono[None])


def test_equal_counts_pass_untouched():
    block = torch.randn(2, 10)

    assert adapt(block, 2) is block
    assert restore(block[None], 2).data_ptr() == block.data_ptr()


def test_a_mono_model_reads_each_channel_on_its_own():
    block = torch.randn(6, 10)

    assert adapt(block, 1) is block


def test_a_mono_file_gets_the_mean_of_the_channels():
    assert restore(torch.tensor([[[1.0], [3.0]]]), 1).tolist() == [[[2.0]]]


def test_channels_are_never_invented():
    with pytest.raises(ValueError, match="cannot make 6 channels of 2"):
        restore(torch.zeros(4, 2, 5), 6)
