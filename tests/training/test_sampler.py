from __future__ import annotations

import pytest

from unmixcli.errors import DatasetError
from unmixcli.training.permutation import shuffled
from unmixcli.training.sampler import Sampler, Segment
from unmixcli.training.settings import DataSettings


def sampler(lengths=(1000, 400, 50), read=100, segment=100, seed=3, voiced=None, **data):
    settings = DataSettings(segment=segment, **data)
    return Sampler(
        lengths=lengths, data=settings, segment=segment, read=read, seed=seed, voiced=voiced
    )


@pytest.mark.parametrize("count", [1, 2, 3, 16, 17, 1000])
def test_a_shuffle_has_every_item_once(count):
    assert sorted(shuffled(place, count, key=5) for place in range(count)) == [*range(count)]


def test_a_shuffle_has_another_order_for_another_key():
    orders = {tuple(shuffled(place, 50, key) for place in range(50)) for key in range(20)}

    assert len(orders) == 20


def test_an_epoch_takes_every_window_of_every_track_once():
    found = [sampler().segment_of(0, index) for index in range(15)]

    assert sampler().steps(1) == 15
    assert set(found) == {
        *(Segment(0, 100 * window) for window in range(10)),
        *(Segment(1, 100 * window) for window in range(4)),
        Segment(2, 0),  # shorter than a segment: silence follows
    }


def test_an_epoch_may_take_them_several_times_and_in_steps_that_overlap():
    found = sampler(lengths=(300,), stride=50, repeat=2)

    assert found.steps(1) == 10
    assert sorted(found.segment_of(0, index).start for index in range(10)) == sorted(
        2 * [0, 50, 100, 150, 200]
    )


def test_epochs_have_orders_of_their_own():
    one, other = ([sampler().segment_of(epoch, index) for index in range(15)] for epoch in (0, 1))

    assert one != other
    assert set(one) == set(other)


def test_an_example_depends_on_nothing_but_where_it_is():
    once = sampler(steps_per_epoch=10)
    again = sampler(steps_per_epoch=10)
    [again.segment_of(0, index) for index in range(50)]

    assert once.segment_of(7, 31) == again.segment_of(7, 31)
    assert once.segment_of(7, 31) != sampler(steps_per_epoch=10, seed=4).segment_of(7, 31)
    assert once.segment_of(7, 31) != once.segment_of(7, 31, attempt=1)


def test_a_batch_larger_than_the_data_set_takes_it_again():
    small = sampler(lengths=(100, 100))

    assert small.steps(16) == 1
    assert {small.segment_of(0, index).track for index in range(16)} == {0, 1}


def test_segments_stay_within_tracks_unless_silence_is_asked_for():
    within = sampler(lengths=(305,), read=300, steps_per_epoch=5)
    beyond = sampler(lengths=(305,), read=300, steps_per_epoch=5, pad=True)
    starts = [[one.segment_of(0, index).start for index in range(1000)] for one in (within, beyond)]

    assert set(starts[0]) == {*range(6)}
    assert -100 <= min(starts[1]) < -90 < 95 < max(starts[1]) <= 105


def test_voiced_examples_lie_where_the_source_sounds():
    stretches = {0: [(200, 450), (800, 850)], 1: [(0, 400)], 2: []}
    always = sampler(
        steps_per_epoch=1, sampling="voiced", voiced_share=1.0, voiced=stretches.__getitem__
    )
    found = {always.segment_of(0, index) for index in range(300)}

    for one in found:
        assert any(
            start <= one.start and one.start + 100 <= stop for start, stop in stretches[one.track]
        )
    # The stretch of 50 samples is too short for any.
    assert not any(one.track == 0 and one.start >= 700 for one in found)


def test_no_share_of_voiced_examples_is_as_without():
    never = sampler(steps_per_epoch=1, sampling="voiced", voiced_share=0.0, voiced=lambda _: [])

    assert len({never.segment_of(0, index).track for index in range(100)}) == 3


def test_a_share_of_voiced_examples_is_kept_to_before_redraws():
    half = sampler(
        lengths=(10_000,),
        steps_per_epoch=1,
        sampling="voiced",
        voiced_share=0.5,
        voiced=lambda _: [(0, 200)],
    )
    inside = sum(half.segment_of(0, index).start <= 100 for index in range(1000))

    assert 440 <= inside <= 570


def test_no_tracks_are_an_error():
    with pytest.raises(DatasetError, match="no track to train on"):
        sampler(lengths=())
