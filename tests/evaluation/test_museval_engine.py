from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from evaluation import material
from unmixcli.errors import ConfigError, DatasetError
from unmixcli.evaluation import museval_engine
from unmixcli.evaluation.options import Engine, Options, Style
from unmixcli.evaluation.track import evaluate_track

MUSEVAL = Options(engine=Engine.MUSEVAL)
RATE = material.RATE


@pytest.fixture
def unloaded():
    museval_engine.metrics.cache_clear()
    yield
    museval_engine.metrics.cache_clear()


@pytest.mark.parametrize("style", list(Style))
def test_both_engines_agree(style):
    true = material.references(2.0, channels=1)
    true["bass"][:, :RATE] = 0
    guess = material.estimates(true)
    theirs = evaluate_track(true, guess, RATE, options=Options(engine="museval", style=style))

    ours = evaluate_track(
        true, guess, RATE, options=Options(full=True, museval_compat=True, style=style)
    )

    for stem, frames in theirs.sources.items():
        assert frames.void == 1
        for metric, values in frames.metrics().items():
            np.testing.assert_allclose(ours.sources[stem].metrics()[metric], values, atol=1e-6)
    assert ours.sdr == theirs.sdr


def test_a_stem_that_is_silent_throughout_voids_all_windows():
    true = material.references()
    true["bass"][:] = 0

    found = evaluate_track(true, material.estimates(true), RATE, options=MUSEVAL)

    assert [frames.void for frames in found.sources.values()] == [2, 2]


def test_what_museval_cannot_solve_is_an_error_that_says_so():
    """Twin channels, whose elimination meets a pivot that is exactly zero."""
    impulse = np.zeros((2, 600))
    impulse[:, 0] = 4.0
    true = {"a": impulse, "b": np.roll(impulse, 1, axis=1)}

    with pytest.raises(DatasetError, match="museval cannot solve"):
        evaluate_track(true, true, RATE, options=MUSEVAL)

    assert evaluate_track(true, true, RATE, options=Options(full=True)).sdr["a"] == np.inf


def test_it_needs_neither_ffmpeg_nor_the_rest_of_museval():
    code = (
        "import sys; from unmixcli.evaluation import museval_engine, track; "
        "assert not {'museval', 'unmixcli_museval_metrics'} & set(sys.modules); "
        "museval_engine.metrics().bss_eval; "
        "print(sorted({'museval', 'musdb', 'stempeg', 'pandas', 'torch'} & set(sys.modules)))"
    )

    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "[]"


@pytest.mark.usefixtures("unloaded")
def test_without_museval_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ConfigError, match="museval is not installed") as error:
        museval_engine.metrics()

    assert "pip install museval" in error.value.hint


@pytest.mark.usefixtures("unloaded")
def test_a_museval_that_is_another_is_refused(monkeypatch, tmp_path):
    (tmp_path / "museval").mkdir()
    (tmp_path / "museval" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigError, match=r"museval has no file '.*metrics\.py'"):
        museval_engine.metrics()
