from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmixcli.evaluation.aggregate import (
    Aggregation,
    aggregate,
    by_instrument,
    by_number_of_sources,
    describe,
    mean_of_medians,
    whole_tracks,
)
from unmixcli.evaluation.options import Options
from unmixcli.evaluation.scores import FrameScores, TrackScores

NAN, INF = math.nan, math.inf


def track(**stems):
    sources = {
        stem: FrameScores(sdr=np.array(values, float), window=1.0, hop=1.0)
        for stem, values in stems.items()
    }
    whole = {stem: float(len(values)) for stem, values in stems.items()}
    return TrackScores(
        name="Song",
        sources=sources,
        sdr=whole,
        si_sdr=whole,
        energy_at_silence=dict.fromkeys(stems, NAN),
        options=Options(),
    )


@given(values=st.lists(st.one_of(st.floats(-100, 100), st.just(NAN)), min_size=1))
def test_statistics_are_those_of_numpy_without_what_is_void(values):
    found = describe(values)
    known = np.array([value for value in values if not math.isnan(value)])

    assert found.void == len(values) - known.size
    assert found.count == known.size
    if known.size:
        assert found.median == np.median(known)
        assert found.mean == pytest.approx(np.mean(known))
        assert found.sd == pytest.approx(np.std(known))
        assert found.mad == np.median(np.abs(known - np.median(known)))
    else:
        assert math.isnan(found.median)
        assert math.isnan(found.mean)


def test_a_perfect_window_moves_the_median_and_not_the_mean():
    found = describe([1.0, 2.0, INF])

    assert (found.median, found.mean, found.infinite, found.count) == (2.0, 1.5, 1, 2)


@pytest.mark.parametrize("values", [[INF, INF], [INF, -INF], [], [NAN]])
def test_no_statistic_warns_or_fails(values):
    assert math.isnan(describe(values).mad)


def test_the_two_aggregations_weigh_tracks_and_windows():
    tracks = [track(bass=[1.0, 1.0, 1.0, 1.0]), track(bass=[5.0, NAN]), track(bass=[9.0])]

    medians = aggregate(tracks, Aggregation.MEDIAN_OF_MEDIANS)["bass"]["SDR"]
    pooled = aggregate(tracks, Aggregation.POOLED)["bass"]["SDR"]

    assert (medians.median, medians.count, medians.void) == (5.0, 3, 0)
    assert (pooled.median, pooled.count, pooled.void) == (1.0, 6, 1)


def test_a_track_that_is_void_has_no_median():
    found = aggregate([track(bass=[NAN]), track(bass=[2.0])], "median-of-medians")["bass"]["SDR"]

    assert (found.median, found.void) == (2.0, 1)


def test_a_track_may_lack_a_stem():
    found = aggregate([track(bass=[1.0], drums=[3.0]), track(bass=[2.0])], Aggregation.POOLED)

    assert (found["bass"]["SDR"].count, found["drums"]["SDR"].count) == (2, 1)


def test_what_was_not_computed_has_no_column():
    assert set(aggregate([track(bass=[1.0])], Aggregation.POOLED)["bass"]) == {"SDR"}


def test_whole_tracks_are_described_too():
    found = whole_tracks([track(bass=[1.0]), track(bass=[1.0, 2.0, 3.0])])["bass"]

    assert found["SDR"].mean == found["SI-SDR"].median == 2.0
    assert found["energy at silence"].void == 2


def test_urmp_is_grouped_by_number_of_sources_and_by_instrument():
    tracks = [track(vn=[1.0, 3.0], fl=[5.0, NAN]), track(vn=[7.0], fl=[8.0], ob=[9.0])]

    by_number, by_name = by_number_of_sources(tracks), by_instrument(tracks)

    assert [(count, row["SDR"].mean) for count, row in by_number.items()] == [(2, 3.0), (3, 8.0)]
    assert by_name["vn"]["SDR"].mean == pytest.approx(11 / 3)
    assert by_name["fl"]["SDR"].mean == 6.5


def test_all_is_the_mean_over_stems():
    table = aggregate([track(vn=[1.0], fl=[2.0])], Aggregation.POOLED)

    assert mean_of_medians(table, "SDR") == 1.5
    assert math.isnan(mean_of_medians(table, "SIR"))
