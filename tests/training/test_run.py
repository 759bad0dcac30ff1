"""Whole runs in this process, a hundredth of a second a step."""

from __future__ import annotations

import math
from threading import Event

import pytest
import torch
from safetensors.torch import load_file

from tiny_training import recipe, write_track
from unmixcli.errors import ConfigError, DatasetError, DeviceError, OutputError
from unmixcli.separation import Separator
from unmixcli.training.batches import Failures
from unmixcli.training.folder import RunFolder
from unmixcli.training.recipe import Recipe


def weights(path):
    return load_file(path)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_leaves_a_model_that_separates(run, dataset):
    outcome = run()

    assert outcome.finished
    assert outcome.step == 6
    model = outcome.model
    track = dataset / "valid" / "judge" / "drums.wav"
    report = Separator.from_manifest(model, device="cpu").separate_file(track, run.folder / "stems")
    assert set(report.stems) == {"drums", "bass"}


def test_a_run_leaves_what_it_was(run, pictures):
    run()

    assert {path.name for path in run.folder.iterdir()} == {
        *(".lock", "checkpoints", "config.toml", "curves.png", "events"),
        *("metrics.jsonl", "model.safetensors"),
    }
    assert [one["step"] for one in run.metrics()] == [1, 2, 3, 4, 5, 6]
    assert [one["step"] for one in run.metrics("validation")] == [3, 6]
    assert run.metrics("validation")[0]["sdr"].keys() == {"drums", "bass"}
    assert (run.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert next((run.folder / "events").iterdir()).stat().st_size > 500


def test_the_loss_goes_down(run):
    run("stages.0.epochs=10", "optim.lr=1e-2", "scheduler.name=constant")
    losses = run.listener.losses

    assert sum(losses[-6:]) < 0.95 * sum(losses[:6])


def test_the_same_seed_gives_the_same_run_and_another_does_not(run, tmp_path):
    run(output=tmp_path / "one")
    first = run.listener.losses
    run(output=tmp_path / "two")
    second = run.listener.losses
    run("seed=1", output=tmp_path / "three")

    assert first == second
    assert first != run.listener.losses
    one, two = (weights(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert equal(one, two)


@pytest.mark.parametrize("steps", [0, 3, 4])
def test_a_run_that_is_stopped_and_resumed_is_the_run_that_was_not(run, tmp_path, steps):
    run(output=tmp_path / "whole")
    run(output=tmp_path / "parts", max_steps=steps)
    outcome = run(output=tmp_path / "parts", resume=True)

    assert outcome.finished
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0] == lines[1]
    whole, parts = (weights(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert equal(whole, parts)


@pytest.mark.parametrize(
    "assignments",
    [
        ("scheduler.name=plateau", "scheduler.patience=0", "scheduler.factor=0.5"),
        ("scheduler.name=cosine", "scheduler.warmup=2"),
        ("optim.name=adamw", "optim.weight_decay=0.1"),
        ("optim.name=sgd", "optim.accumulate=2"),
        ("precision=bf16",),
        ("precision=fp16", "optim.clip=0.1"),
        ("data.steps_per_epoch=0", "data.stride=1000", "data.repeat=2"),
        ("validation.unit=segments", "validation.metric=loss"),
        ("augment=[{name='remix'}, {name='shift', samples=500}, {name='swap'}]",),
        ('stages=[{steps=4, batch_size=2}, {epochs=1, batch_size=4, lr=1e-4, start="best"}]',),
    ],
    ids=lambda said: said[0][:25],
)
def test_every_part_of_a_recipe_is_resumed(run, tmp_path, assignments):
    run(*assignments, output=tmp_path / "whole")
    run(*assignments, output=tmp_path / "parts", max_steps=4)
    run(*assignments, output=tmp_path / "parts", resume=True, recipe_=kept(tmp_path))

    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0] == lines[1]


def kept(tmp_path) -> Recipe:
    from unmixcli.training import frozen

    return frozen.read(tmp_path / "parts" / "config.toml").recipe


def test_what_a_stop_between_validations_adds_is_not_remembered(run, tmp_path):
    """The verdict at the stop chooses the model; going on, it never was."""
    run(output=tmp_path / "parts", max_steps=4)
    steps = [line["step"] for line in runs_lines(tmp_path / "parts") if line["kind"] != "step"]

    assert steps == [3, 4]


def runs_lines(folder):
    import json

    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_parts_of_a_batch_add_up_to_it(run, tmp_path):
    run("data.batch_size=4", output=tmp_path / "whole")
    whole = run.listener.losses
    run("data.batch_size=4", "optim.accumulate=4", output=tmp_path / "parts")

    assert run.listener.losses == pytest.approx(whole, abs=1e-6)


def test_no_steps_leave_the_weights_as_they_were(run, tmp_path):
    outcome = run(max_steps=0)

    assert outcome.step == 0
    assert not outcome.finished
    assert Separator.from_manifest(outcome.model, device="cpu").sources == ("drums", "bass")


def test_no_time_is_none(run):
    assert run(max_hours=0.0).step == 0


def test_a_set_event_stops_in_order(run):
    cancel = Event()
    outcome = run(cancel=cancel, on_step=lambda step: cancel.set() if step == 4 else None)

    assert outcome.step == 4
    assert outcome.model is None
    assert run(resume=True).finished


def test_an_event_set_in_a_validation_stops_there_too(run, tmp_path):
    cancel = Event()
    run(output=tmp_path / "whole")
    run(
        output=tmp_path / "parts",
        cancel=cancel,
        on_step=lambda step: cancel.set() if step == 3 else None,
    )
    run(output=tmp_path / "parts", resume=True)

    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0] == lines[1]


def test_patience_ends_a_stage(run):
    outcome = run("stages=[{patience=2}]", "optim.lr=1e-9", "optim.ema=0", "validation.metric=loss")

    assert outcome.finished
    assert outcome.step >= 9
    waited = [line["best"] for line in run.metrics("validation")][-2:]
    assert waited == [False, False]


def test_stages_have_rates_and_batches_of_their_own(run):
    run("stages=[{epochs=1}, {epochs=1, lr=1e-5, batch_size=4}]", "scheduler.name=constant")

    rates = [line["rate"] for line in run.metrics()]
    assert rates == [1e-3] * 3 + [1e-5] * 3


def test_the_model_is_the_best_one_not_the_last(run):
    run("stages.0.epochs=6", "optim.lr=0.3", "optim.ema=0", "scheduler.name=constant")
    best = [line for line in run.metrics("validation") if line["best"]][-1]

    if best["step"] != 18:
        kept_best = weights(run.folder / "checkpoints" / "best.safetensors")
        assert equal(weights(run.folder / "model.safetensors"), kept_best)


def test_without_tracks_to_judge_by_the_last_weights_are_kept(run, tmp_path):
    write_track(tmp_path / "plain" / "a", 1)
    run.data = tmp_path / "plain"
    outcome = run()

    assert outcome.model.exists()
    assert outcome.best is None
    assert any("validation" in note for note in run.listener.notes)


def test_a_run_is_not_begun_where_one_is(run):
    run(max_steps=1)

    with pytest.raises(ConfigError, match="holds a run already") as caught:
        run()
    assert "--resume" in caught.value.hint


def test_two_processes_do_not_share_a_folder(run):
    with RunFolder(run.folder).held(), pytest.raises(ConfigError, match="another process"):
        run()


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ("optim.lr=1e-5", "optim.lr"),
        ("seed=7", "seed"),
        ("augment.0.low=0.1", "augment.0.low"),
        ("data.batch_size=4", "data.batch_size"),
        ("precision=bf16", "precision"),
    ],
)
def test_a_run_goes_on_with_what_it_was_begun_with(run, changed, key):
    run(max_steps=1)

    with pytest.raises(ConfigError, match=rf"^{key} is "):
        run(changed, resume=True)


def test_a_run_goes_on_with_the_tracks_it_was_begun_with(run, dataset):
    run(max_steps=1)
    write_track(dataset / "train" / "new", 11)

    with pytest.raises(ConfigError, match="not those that the run began with"):
        run(resume=True)


def test_a_moved_data_set_is_the_same(run, dataset, tmp_path):
    run(max_steps=1)
    run.data = dataset.rename(tmp_path / "moved")

    assert run(resume=True).finished


def test_a_truncated_checkpoint_gives_way_to_the_one_before(run, tmp_path):
    run(output=tmp_path / "whole")
    run(output=tmp_path / "torn", max_steps=4)
    last = tmp_path / "torn" / "checkpoints" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:1000])
    run(output=tmp_path / "torn", resume=True)

    assert any("no whole checkpoint" in note for note in run.listener.notes)
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "torn")]
    assert lines[0] == lines[1]


def test_a_loss_that_is_no_number_stops_and_names_the_batch(run, monkeypatch):
    from unmixcli.training.objective import Objective

    real, calls = Objective.compare, [0]

    def broken(self, estimates, sources):
        calls[0] += 1
        return real(self, estimates, sources) * (math.nan if calls[0] == 5 else 1)

    monkeypatch.setattr(Objective, "compare", broken)
    with pytest.raises(ConfigError, match=r"loss is nan at step 5, in the batch of 'track \d") as e:
        run()

    assert "optim.lr" in e.value.hint
    monkeypatch.undo()
    assert run(resume=True).finished  # from the last good checkpoint


def test_fp16_gives_up_where_no_step_is_within_its_range(run, monkeypatch):
    from unmixcli.training.objective import Objective
    from unmixcli.training.trainer import MOST_LOST

    real = Objective.compare
    monkeypatch.setattr(Objective, "compare", lambda *these: real(*these) * math.inf)
    with pytest.raises(ConfigError, match=rf"gradient is (nan|inf) at step {MOST_LOST + 1}"):
        run("precision=fp16", "stages.0.epochs=40")
    assert len(run.metrics()) == MOST_LOST  # each is written down, without a loss


def test_a_loss_of_nothing_is_a_loss(run, monkeypatch):
    """Where estimates are exact, there is nothing to learn and nothing wrong."""
    from unmixcli.training.objective import Objective

    real = Objective.compare
    monkeypatch.setattr(Objective, "compare", lambda *these: 0 * real(*these))

    assert run().finished
    assert set(run.listener.losses) == {0.0}


def test_a_rate_that_blows_up_is_an_error_and_not_a_model(run):
    with pytest.raises(ConfigError, match=r"(loss|gradient) is (nan|inf)"):
        run(
            "optim.lr=10", "optim.name=sgd", "optim.clip=0", "stages.0.epochs=40",
            "loss.0.weight=1e9", "scheduler.name=constant", "optim.ema=0",
        )  # fmt: skip
    assert not (run.folder / "model.safetensors").exists()


@pytest.mark.parametrize("rate", ["0", "-1", "1e9", "nan", "inf"])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ConfigError, match=r"optim.lr"):
        recipe(f"optim.lr={rate}")


def test_too_little_memory_says_what_would_fit(run, monkeypatch):
    from unmixcli.training.objective import Objective

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Objective, "estimate", full)
    with pytest.raises(DeviceError, match="out of memory with 2 x") as caught:
        run()

    assert "optim.accumulate=2" in caught.value.hint


def test_a_full_disk_stops_and_the_run_can_go_on(run, monkeypatch):
    from unmixcli.training import state

    real, calls = state.save_file, [0]

    def full(*arguments, **options):
        calls[0] += 1
        if calls[0] == 2:
            raise OSError(28, "No space left on device")
        real(*arguments, **options)

    monkeypatch.setattr(state, "save_file", full)
    with pytest.raises(OutputError, match="no space left"):
        run()
    monkeypatch.undo()

    assert run(resume=True).finished


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=r"cannot write '.*file/run'"):
        run(output=tmp_path / "file" / "run")


@pytest.mark.parametrize("name", ["events", "metrics.jsonl", "config.toml", "checkpoints"])
def test_whatever_cannot_be_written_is_named(run, name):
    """Something else has its place in the folder."""
    run.folder.mkdir()
    if name in ("events", "checkpoints"):
        (run.folder / name).write_text("")
    else:
        (run.folder / name / "inside").mkdir(parents=True)

    said = "run'" if name == "checkpoints" else name
    with pytest.raises((OutputError, ConfigError), match=said):
        run(resume=True)


def test_a_kill_between_the_best_weights_and_the_last_is_no_loss(run, tmp_path, monkeypatch):
    run(output=tmp_path / "whole")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("unmixcli.training.keeper.Keeper.settled", killed)
        with pytest.raises(KeyboardInterrupt):
            run(output=tmp_path / "parts")
    assert (tmp_path / "parts" / "checkpoints" / "best.safetensors").exists()
    run(output=tmp_path / "parts", resume=True)

    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0] == lines[1]
    whole, parts = (weights(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert equal(whole, parts)


def test_disk_use_is_bounded(run):
    run("stages.0.epochs=8")

    checkpoints = {path.name for path in (run.folder / "checkpoints").iterdir()}
    assert checkpoints == {"last.safetensors", "previous.safetensors", "best.safetensors"}


def test_a_few_failures_are_forgiven_and_many_are_not():
    class Read:
        names, failures = ("a",) * 100, ("bad",)

    failures = Failures()
    for _ in range(50):
        failures.count(Read)
    Read.failures = ("bad",) * 60
    with pytest.raises(DatasetError, match="110 of 5210 stretches"):
        failures.count(Read)


def test_a_batch_that_cannot_be_shared_is_refused(run):
    with pytest.raises(ConfigError, match=r"batch_size 2 cannot be shared .* 3 parts"):
        run("optim.accumulate=3")
