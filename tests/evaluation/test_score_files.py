"""Scores survive being written, in our format and in museval's."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import material
from unmixcli.errors import DatasetError
from unmixcli.evaluation.museval_json import dump_museval, load_museval, to_museval
from unmixcli.evaluation.options import Options
from unmixcli.evaluation.score_json import dump_json, load_json
from unmixcli.evaluation.scores import FrameScores, TrackScores
from unmixcli.evaluation.track import evaluate_track

decibels = st.one_of(
    st.floats(-300, 300), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1e-9])
)


@st.composite
def scores(draw):
    stems = draw(st.lists(st.text(min_size=1), min_size=1, max_size=3, unique=True))
    options = Options(window=draw(st.floats(0.1, 9)), hop=draw(st.floats(0.1, 9)))
    full, count = draw(st.booleans()), draw(st.integers(1, 5))

    def row():
        return np.array(draw(st.lists(decibels, min_size=count, max_size=count)))

    def whole():
        return {stem: draw(decibels) for stem in stems}

    return TrackScores(
        name=draw(st.text()),
        sources={
            stem: FrameScores(
                sdr=row(),
                sir=row() if full else None,
                sar=row() if full else None,
                isr=row() if full else None,
                window=options.window,
                hop=options.hop,
            )
            for stem in stems
        },
        sdr=whole(),
        si_sdr=whole(),
        energy_at_silence=whole(),
        options=options,
        warnings=tuple(draw(st.lists(st.text(), max_size=2))),
    )


def assert_same(ours, theirs):
    assert list(ours.sources) == list(theirs.sources)
    for stem, frames in ours.sources.items():
        others = theirs.sources[stem].metrics()
        assert set(frames.metrics()) == set(others)
        for metric, values in frames.metrics().items():
            np.testing.assert_array_equal(values, others[metric])
    for metric, stems in ours.whole.items():
        for stem, value in stems.items():
            np.testing.assert_equal(value, theirs.whole[metric][stem])


@given(scores=scores())
def test_nothing_is_lost_in_our_format(scores):
    read = load_json(dump_json(scores), "scores.json")

    assert_same(scores, read)
    assert (read.name, read.options, read.warnings) == (
        scores.name,
        scores.options,
        scores.warnings,
    )


@given(scores=scores())
def test_our_format_is_json_as_the_standard_has_it(scores):
    def refuse(token):
        raise AssertionError(token)

    json.loads(dump_json(scores), parse_constant=refuse)


def test_void_and_perfect_windows_are_told_apart():
    true = material.references(2.0, channels=1)
    guess = {"drums": true["drums"], "bass": true["bass"]}
    true = true | {"bass": np.where(np.arange(16000) < 8000, 0, true["bass"])}

    bass = json.loads(dump_json(evaluate_track(true, guess, material.RATE)))["sources"]["bass"]

    assert bass["windows"]["SDR"] == [None, None]
    assert bass["void"] == 1
    assert bass["infinite"] == [{"metric": "SDR", "window": 1, "sign": 1}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"schema": 1}',
        '{"schema": 1, "track": "x", "options": {"window": 0}, "sources": {}, "warnings": []}',
        '{"schema": 1, "track": "x", "options": {"colour": 0}, "sources": {}, "warnings": []}',
        '{"schema": 1, "track": "x", "options": {}, "sources": [], "warnings": []}',
    ],
)
def test_what_is_no_file_of_scores_is_an_error(text):
    with pytest.raises(DatasetError, match=r"scores\.json: not a file of scores"):
        load_json(text, "scores.json")


def test_scores_of_another_version_are_refused():
    with pytest.raises(DatasetError, match="scores of schema 2, not 1"):
        load_json('{"schema": 2}', "scores.json")


@given(scores=scores())
def test_museval_s_format_holds_windows_to_five_decimals(scores):
    read = load_museval(dump_museval(scores), scores.name)

    for stem, frames in scores.sources.items():
        values = np.where(np.isinf(frames.sdr), np.nan, frames.sdr)
        np.testing.assert_allclose(read.sources[stem].sdr, values, rtol=0, atol=5.1e-6)
        assert read.sources[stem].window == frames.window
        if len(frames.sdr) > 1:
            assert read.sources[stem].hop == frames.hop


def track(full=True):
    true = material.references(3.0, channels=1)
    true["bass"][:, :8000] = 0
    options = Options(full=full, museval_compat=True)
    return evaluate_track(true, material.estimates(true), material.RATE, options=options)


@pytest.mark.parametrize("full", [False, True])
def test_museval_s_format_satisfies_its_schema(shared, full):
    path = shared / "eval" / "museval" / "museval" / "musdb.schema.json"

    jsonschema.validate(json.loads(dump_museval(track(full))), json.loads(path.read_text()))


@pytest.mark.parametrize("full", [False, True])
def test_museval_itself_reads_it(full):
    """Its package needs ffmpeg to be imported; a stand-in for that part will do."""
    code = (
        "import sys, types, json; sys.modules['stempeg'] = types.ModuleType('stempeg'); "
        "from museval.aggregate import json2df, EvalStore; "
        "store = EvalStore(); store.add_track(json2df(json.load(sys.stdin), 'Song')); "
        "print(store.agg_frames_tracks_scores().unstack()['SDR'].to_json())"
    )
    scores = track(full)

    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        input=dump_museval(scores),
        capture_output=True,
        text=True,
        check=True,
    )

    medians = {stem: np.nanmedian(frames.sdr) for stem, frames in scores.sources.items()}
    assert json.loads(found.stdout) == pytest.approx(medians, abs=1e-5)


def test_a_perfect_window_is_void_to_museval():
    true = material.references(1.0, channels=1)

    (target, *_) = to_museval(evaluate_track(true, true, material.RATE))["targets"]

    assert math.isnan(target["frames"][0]["metrics"]["SDR"])


@pytest.mark.parametrize("token", ["NaN", "null"])
def test_void_windows_are_read_however_they_are_written(token):
    metrics = f'{{"SDR": {token}, "SIR": 1.5, "SAR": 2, "ISR": 3}}'
    frames = f'[{{"time": 0.0, "duration": 1.0, "metrics": {metrics}}}]'

    read = load_museval(f'{{"targets": [{{"name": "bass", "frames": {frames}}}]}}', "Song")

    assert read.sources["bass"].void == 1
    assert read.sources["bass"].sir.tolist() == [1.5]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"targets": [{"name": "x"}]}', '{"targets": [{"frames": [3]}]}']
)
def test_what_is_no_file_of_museval_is_an_error(text):
    with pytest.raises(DatasetError, match="Song: not a file of museval's scores"):
        load_museval(text, "Song")
