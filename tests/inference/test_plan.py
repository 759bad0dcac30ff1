"""Where a track is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import EchoNetwork, PositionNetwork, SmoothingNetwork, config
from unmixcli.errors import ConfigError
from unmixcli.inference.plan import ChunkPlan, seamless
from unmixcli.inference.shifts import recorded, seeded
from unmixcli.network import Geometry
from unmixcli.schedule import Context, Schedule, ShiftScope, Tail

SCHEDULE = Schedule(segment=100, overlap=0.25, tail=Tail.SHORTEN, max_shift=20)


def cut(schedule, total, *, network=None, offsets=()):
    network = network or EchoNetwork(config())
    plan = ChunkPlan(geometry=network.geometry, schedule=schedule)
    return list(plan.chunks(total, recorded(offsets)))


@given(
    segment=st.integers(1, 300),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.9]),
    tail=st.sampled_from(Tail),
    total=st.integers(1, 2000),
)
@settings(max_examples=100, deadline=None)
def test_every_sample_is_covered_and_only_once_without_overlap(segment, overlap, tail, total):
    covered = [0] * total
    for chunk in cut(Schedule(segment=segment, overlap=overlap, tail=tail), total):
        for position in range(chunk.start, chunk.stop):
            covered[position] += 1

    assert min(covered) >= 1
    if overlap == 0:
        assert max(covered) == 1


def test_chunks_begin_a_hop_apart():
    assert [chunk.start for chunk in cut(SCHEDULE, 250)] == [0, 75, 150, 225]


@pytest.mark.parametrize(
    ("tail", "last"),
    [(Tail.PAD, (200, 250, 200, 300)), (Tail.SHORTEN, (200, 250, 200, 250))],
)
def test_the_last_chunk_pads_or_shortens(tail, last):
    chunk = cut(replace(SCHEDULE, overlap=0.0, tail=tail), 250)[-1]

    assert (chunk.start, chunk.stop, chunk.read_start, chunk.read_stop) == last


def test_a_chunk_reads_its_context_from_its_neighbours():
    chunk = cut(SCHEDULE, 1000, network=SmoothingNetwork(config(), reach=13))[1]

    assert (chunk.read_start, chunk.read_stop) == (75 - 13, 175 + 13)
    assert (chunk.seen_start, chunk.seen_stop) == (0, 1000)


def test_a_chunk_without_context_sees_only_itself():
    network = SmoothingNetwork(config(), reach=13)
    chunk = cut(replace(SCHEDULE, context=Context.ZEROS), 1000, network=network)[1]

    assert (chunk.read_start, chunk.read_stop) == (75 - 13, 175 + 13)
    assert (chunk.seen_start, chunk.seen_stop) == (75, 175)


def test_a_shift_of_the_track_moves_the_grid():
    schedule = replace(SCHEDULE, shifts=1, shift_scope=ShiftScope.TRACK)

    chunks = cut(schedule, 250, offsets=[5])

    assert [(chunk.start, chunk.fade) for chunk in chunks] == [(0, 15), (60, 0), (135, 0), (210, 0)]


def test_a_shift_of_a_chunk_runs_it_from_earlier():
    schedule = replace(SCHEDULE, overlap=0.0, shifts=1, shift_scope=ShiftScope.CHUNK)

    chunk = cut(schedule, 500, offsets=[5] * 5)[1]

    assert (chunk.read_start, chunk.read_stop, chunk.offset) == (100 - 15, 200, 15)
    assert (chunk.seen_start, chunk.seen_stop) == (80, 220)


def test_a_shifting_window_keeps_its_length():
    schedule = replace(
        SCHEDULE, overlap=0.0, context=Context.ZEROS, shifts=1, shift_scope=ShiftScope.WINDOW
    )

    chunk = cut(schedule, 500, offsets=[5] * 5)[1]

    assert (chunk.read_start, chunk.read_stop, chunk.offset) == (100 - 15, 205, 15)
    assert (chunk.seen_start, chunk.seen_stop) == (100, 200)


def test_a_network_that_predicts_too_little_is_refused():
    plan = ChunkPlan(geometry=lambda length: Geometry(length, length - 1), schedule=SCHEDULE)

    with pytest.raises(ConfigError, match="predicts 99 samples cannot fill a segment of 100"):
        list(plan.chunks(500, recorded([])))


def test_global_state_cannot_be_cut_seamlessly():
    with pytest.raises(ConfigError, match="'demo' cannot be cut seamlessly") as caught:
        seamless(PositionNetwork(config()), SCHEDULE, "demo")

    assert "--chunking seamless" in str(caught.value.hint)


@pytest.mark.parametrize("scope", ShiftScope)
def test_a_seed_gives_the_same_offsets_again(scope):
    schedule = replace(SCHEDULE, shift_scope=scope)
    first, again, other = seeded(schedule, 1), seeded(schedule, 1), seeded(schedule, 2)
    drawn = [first(3) for _ in range(50)]

    assert drawn == [again(3) for _ in range(50)]
    assert drawn != [other(3) for _ in range(50)]
    assert all(0 <= offset <= 20 for offsets in drawn for offset in offsets)


def test_the_first_versions_window_draws_without_replacement():
    draw = seeded(replace(SCHEDULE, shift_scope=ShiftScope.WINDOW), 0)

    assert sorted(draw(20)) == list(range(20))


@pytest.mark.parametrize(
    "values",
    [
        {"segment": 0},
        {"segment": 100, "overlap": 1.0},
        {"segment": 100, "overlap": -0.1},
        {"segment": 100, "overlap": float("nan")},
        {"segment": 100, "power": float("inf")},
        {"segment": 100, "shifts": -1},
        {"segment": 100, "shifts": 2.5, "max_shift": 9},
        {"segment": 100, "shifts": 1},
        {"segment": 100, "max_shift": 0.5},
        {"segment": 100, "power": 10},
        {"segment": 100, "shifts": 9, "max_shift": 5, "shift_scope": "window"},
        {"segment": 100, "tail": "wag"},
        {"segment": 100, "colour": "red"},
        {"segment": "long"},
        {},
    ],
    ids=str,
)
def test_an_impossible_schedule_is_refused(values):
    with pytest.raises(ConfigError):
        Schedule.from_json(values)


def test_a_schedule_survives_json():
    assert Schedule.from_json(SCHEDULE.to_json()) == SCHEDULE
