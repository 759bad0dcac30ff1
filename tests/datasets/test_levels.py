import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmixcli.datasets.levels import Levels, cell_of, measure

RATE = 8_000
CELL = RATE // 20


def levels(samples, rate=RATE, block=700):
    return measure(torch.as_tensor(samples, dtype=torch.float32).split(block, dim=-1), rate)


def test_a_cell_is_fifty_milliseconds():
    assert [cell_of(rate) for rate in (16_000, 44_100, 8_000, 1_000)] == [800, 2_205, 400, 50]


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(1, 5 * CELL), channels=st.integers(1, 3), block=st.integers(1, 3 * CELL))
def test_levels_are_those_of_the_samples(frames, channels, block):
    samples = np.random.default_rng(frames).standard_normal((channels, frames)).astype(np.float32)

    found = levels(samples, block=block)

    magnitudes = np.abs(samples.astype(np.float64))
    cells = [magnitudes[:, at : at + CELL].mean() for at in range(0, frames, CELL)]
    assert found.rms == pytest.approx(np.sqrt((magnitudes**2).mean()), rel=1e-6)
    assert found.peak == pytest.approx(magnitudes.max(), rel=1e-6)
    assert found.grid == pytest.approx(np.array(cells), rel=1e-3)


def test_more_cells_than_are_held_at_once_are_measured():
    samples = torch.linspace(0, 1, 3_000 * CELL)[None]

    found = levels(samples, block=65_536)

    assert len(found.grid) == 3_000
    assert (np.diff(found.grid.astype(np.float32)) >= 0).all()


def test_silence_is_known_as_such():
    found = levels(np.zeros((2, 1_000)))

    assert found.silent
    assert found.decibels() == -math.inf
    assert len(found.active()) == 0


@pytest.mark.parametrize("level", [1e-9, 1e-30, 1e-44])
def test_the_faintest_sound_is_no_silence(level):
    found = levels(np.full((1, 1_000), level))

    assert not found.silent
    assert (found.grid > 0).all()


def test_the_loudest_sound_is_finite():
    assert np.isfinite(levels(np.full((1, 1_000), 1e9)).grid).all()


def test_full_scale_is_zero_decibels():
    assert levels(np.ones((2, 1_000))).decibels() == pytest.approx(0)


def test_opposite_channels_are_no_silence():
    tone = np.sin(np.arange(1_000))

    assert not levels(np.stack([tone, -tone])).silent


def test_where_a_stem_sounds_is_told_in_samples():
    samples = np.zeros((2, 10 * CELL))
    samples[:, 2 * CELL : 4 * CELL] = 0.5
    samples[:, 7 * CELL + 10 : 8 * CELL] = 0.4

    found = levels(samples)

    assert found.active().tolist() == [[2 * CELL, 4 * CELL], [7 * CELL, 8 * CELL]]


def test_what_is_faint_beside_the_rest_counts_as_a_share_says():
    samples = np.concatenate([np.full(CELL, 1.0), np.full(CELL, 0.05)])[None]

    found = levels(samples)

    assert found.active(0.1).tolist() == [[0, CELL]]
    assert found.active(0.01).tolist() == [[0, 2 * CELL]]
    assert found.active(0).tolist() == [[0, 2 * CELL]]


@given(st.lists(st.sampled_from([0.0, 0.02, 1.0]), max_size=30))
def test_stretches_are_those_of_the_cells_that_sound(cells):
    found = Levels(1.0, 1.0, 10, np.array(cells, np.float16))

    inside = np.zeros(len(cells), bool)
    for start, stop in found.active() // 10:
        inside[start:stop] = True
    assert inside.tolist() == [cell > 0.1 * max(cells) for cell in cells]
    assert (np.diff(found.active().ravel()) > 0).all()
