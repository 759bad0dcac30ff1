import pytest
import torch

from training_material import augmented, batch


def numbered(items, sources):
    """Return a batch whose every sample says which item and source it is of."""
    numbers = torch.arange(items * sources, dtype=torch.float32)
    return numbers.reshape(items, sources, 1, 1).expand(items, sources, 2, 5).clone()


@pytest.mark.parametrize(("items", "group"), [(8, 4), (6, 4), (4, 0), (5, 1), (3, 8)])
def test_a_remix_is_a_permutation_within_groups(items, group):
    sources = numbered(items, 4)
    made = augmented("remix", sources, group=group)

    for start in range(0, items, group or items):
        for source in range(4):
            window = slice(start, start + (group or items))
            dealt = made[window, source, 0, 0].sort().values
            assert torch.equal(dealt, sources[window, source, 0, 0])
    assert torch.equal(made, made[..., :1, :1].expand_as(made))


def test_every_source_is_dealt_out_on_its_own():
    made = augmented("remix", numbered(64, 4), group=0)[..., 0, 0] // 4  # the items

    columns = {tuple(column.tolist()) for column in made.T}
    assert len(columns) == 4


def test_every_place_of_a_group_is_as_likely():
    counts = torch.zeros(4, 4)
    sources = numbered(4, 1)
    for step in range(800):
        dealt = augmented("remix", sources, step=step, group=4)[:, 0, 0, 0].long()
        counts[torch.arange(4), dealt] += 1

    assert (counts / 800 - 0.25).abs().max() < 0.06


def test_a_shift_is_a_window_of_each_source():
    sources = torch.arange(1000.0).expand(64, 4, 2, 1000)
    made = augmented("shift", sources, samples=100)
    offsets = made[..., 0]

    assert made.shape == (64, 4, 2, 900)
    assert torch.equal(made - offsets[..., None], torch.arange(900.0).expand_as(made))
    assert torch.equal(offsets[..., 0], offsets[..., 1])  # channels stay together
    assert 0 <= float(offsets.min()) < 5
    assert 95 <= float(offsets.max()) <= 99
    assert float(offsets.mean()) == pytest.approx(49.5, abs=6)
    assert len(offsets[0, :, 0].unique()) > 1  # sources do not


def test_the_usual_shift_is_a_second_of_demucs():
    assert augmented("shift", batch(items=1, samples=44_101)).shape[-1] == 1


def test_there_must_be_more_than_is_lost():
    with pytest.raises(ValueError, match="cannot shift 100 samples by 100"):
        augmented("shift", batch(samples=100), samples=100)
