from __future__ import annotations

import numpy as np
import pytest
import torch

from tiny_training import write_track
from unmixcli.datasets.layouts import open_dataset
from unmixcli.evaluation.track import evaluate_track
from unmixcli.separation import Separator
from unmixcli.training.learning_rate import LearningRate
from unmixcli.training.settings import SchedulerSettings


def test_a_validation_says_what_separate_and_eval_say(run, dataset):
    """The same estimates, and the same SDR, of the weights that are kept."""
    model = run("stages.0.epochs=1").model
    [verdict] = run.listener.verdicts
    track = open_dataset(dataset, split="valid").tracks[0]
    separator = Separator.from_manifest(model, device="cpu")
    mixture = track.read()
    estimates = separator.separate(mixture, track.sample_rate)
    references = {source: track.read(source).numpy() for source in separator.sources}

    scores = evaluate_track(
        references, {name: one.numpy() for name, one in estimates.items()}, track.sample_rate
    )

    for source, found in verdict.sdr.items():
        wanted = np.nanmedian(scores.sources[source].sdr)
        assert found == pytest.approx(wanted, abs=1e-3)


def test_a_source_that_never_sounds_has_no_score(run, dataset):
    (dataset / "valid" / "judge" / "bass.wav").unlink()
    run("stages.0.epochs=1")
    [verdict] = run.listener.verdicts

    assert np.isnan(verdict.sdr["bass"])
    assert verdict.mean_sdr == verdict.sdr["drums"]


def test_only_the_beginning_of_a_long_track_is_judged(run, dataset):
    write_track(dataset / "valid" / "judge", 9, seconds=3.0)
    run("stages.0.epochs=1", "validation.longest=1.0")
    short = run.listener.verdicts[0].loss
    write_track(dataset / "valid" / "judge", 9, seconds=3.0)

    assert np.isfinite(short)


def rates(name: str, steps: int, **settings) -> list[float]:
    rate = LearningRate(settings=SchedulerSettings(name=name, **settings), end=100)
    return [rate.at(step, 1.0) for step in range(steps)]


def test_the_published_decay_is_smooth():
    found = rates("exponential", 4001, factor=0.96, every=2000)

    assert found[0] == 1.0
    assert found[2000] == pytest.approx(0.96)
    assert found[1000] == pytest.approx(0.96**0.5)
    assert found[4000] == pytest.approx(0.96**2)


def test_a_cosine_ends_at_its_floor():
    found = rates("cosine", 150, floor=0.1, warmup=10)

    assert found[0] == pytest.approx(0.1)
    assert max(found) <= 1.0
    assert found[100] == found[149] == pytest.approx(0.1)


def test_a_plateau_is_left_after_its_patience():
    rate = LearningRate(settings=SchedulerSettings(name="plateau", factor=0.5, patience=1), end=0)
    found = []
    for better in (True, False, False, False, True, False, False):
        rate.validated(better)
        found.append(rate.at(0, 1.0))

    assert found == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25]


def test_a_conditioned_network_is_told_what_a_track_has(run, tmp_path):
    rng = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(4, 4000, generator=rng).numpy()
    write_track(tmp_path / "urmp" / "train" / "one", 0, vn=noise[0], cl=noise[1])
    write_track(tmp_path / "urmp" / "train" / "two", 0, vc=noise[2])
    write_track(tmp_path / "urmp" / "valid" / "three", 0, cl=noise[3], vc=noise[2])
    run.data = tmp_path / "urmp"
    outcome = run(
        "model.architecture=conditioned_wave_u_net",
        "model.config={sources=['cl', 'vc', 'vn'], sample_rate=8000, channels=1, width=4, "
        "depth=2, difference=false}",
        "loss=[{name='l2'}]",
    )

    assert outcome.finished
    verdict = run.listener.verdicts[-1]
    assert np.isnan(verdict.sdr["vn"])
    assert np.isfinite([verdict.sdr["cl"], verdict.sdr["vc"]]).all()
