import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmixcli.errors import ConfigError
from unmixcli.evaluation import museval_engine
from unmixcli.evaluation.framing import frames, samples

lengths = st.integers(1, 500)


@given(length=lengths, window=lengths, hop=lengths)
def test_windows_are_those_of_museval(length, window, hop):
    theirs = list(museval_engine.metrics().Framing(window, hop, length))

    assert frames(length, window, hop) == theirs


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (30, [(0, 10), (10, 20), (20, 30)]),
        (39, [(0, 10), (10, 20), (20, 30)]),  # what is left fills no window
        (10, [(0, 10)]),
        (7, [(0, 7)]),  # shorter than a window
    ],
)
def test_the_last_partial_window_is_dropped(length, expected):
    assert [(cut.start, cut.stop) for cut in frames(length, 10, 10)] == expected


def test_windows_may_overlap():
    assert [cut.start for cut in frames(30, 10, 5)] == [0, 5, 10, 15, 20]


@given(
    count=st.sampled_from([512, 16384, 22050, 44100]),
    rate=st.sampled_from([8000, 16000, 22050, 44100, 48000]),
)
def test_a_number_of_samples_survives_being_given_in_seconds(count, rate):
    assert samples(count / rate, rate) == count


def test_less_than_a_sample_is_no_window():
    with pytest.raises(ConfigError, match=r"1e-05 s is less than one sample at 8000 Hz"):
        samples(1e-5, 8000)
