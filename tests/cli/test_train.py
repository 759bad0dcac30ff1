"""``unmixcli train``: its options, what it prints, its exit codes."""

from __future__ import annotations

import json
import tomllib

import pytest

from tiny_training import TINY, recipe, write_track
from unmixcli.training import recipe as recipes
from unmixcli.training.history import History


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(History, "draw", lambda self: None)


@pytest.fixture
def dataset(tmp_path):
    for split in ("train", "valid"):
        write_track(tmp_path / "data" / split / f"{split} song", 0)
    return tmp_path / "data"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(recipes.to_toml(recipe()))
    return path


@pytest.fixture
def train(run, dataset, config, tmp_path):
    """Train the tiny network, with more options."""

    def train(*more):
        return run(
            *("train", dataset, "--config", config, "--device", "cpu"),
            *("-o", tmp_path / "run", *more),
        )

    return train


def test_it_prints_a_line_per_validation_and_the_model(train, tmp_path):
    finished = train()

    assert finished.code == 0, finished.stderr
    *validations, model = finished.stdout.splitlines()
    assert [line.split()[:2] for line in validations] == [["step", "3"], ["step", "6"]]
    assert all("SDR" in line and "drums" in line and "valid" in line for line in validations)
    assert model == str(tmp_path / "run" / "model.safetensors")


def test_it_prints_one_document(train, tmp_path):
    finished = train("--json")
    document = json.loads(finished.stdout)

    assert document["model"] == str(tmp_path / "run" / "model.safetensors")
    assert (document["schema"], document["steps"], document["finished"]) == (1, 6, True)


def test_the_model_is_one_for_separate(train, run, dataset, tmp_path):
    train("--max-steps", 1)
    track = dataset / "valid" / "valid song" / "drums.wav"
    finished = run(
        "separate", track, "--model", tmp_path / "run" / "model.safetensors",
        "-o", tmp_path / "stems", "--device", "cpu",
    )  # fmt: skip

    assert finished.code == 0, finished.stderr
    assert len(finished.stdout.splitlines()) == 2


def test_a_limit_is_told(train):
    finished = train("--max-steps", 2)

    assert finished.code == 0
    assert "stopped by a limit at step 2" in finished.stderr


def test_the_config_is_kept_whole(train, tmp_path):
    train("--seed", 4, "--set", "optim.lr=0.01", "--max-steps", 0)
    tables = tomllib.loads((tmp_path / "run" / "config.toml").read_text())

    assert tables["seed"] == 4
    assert tables["optim"]["lr"] == 0.01
    assert tables["optim"]["eps"] == 1e-8  # with all defaults
    assert tables["run"]["dataset"].endswith("data")


def test_the_same_command_goes_on(train):
    first = train("--max-steps", 2)
    again = train("--resume")

    assert (first.code, again.code) == (0, 0), again.stderr
    assert again.stdout.count("valid") == 2


def test_resume_alone_is_enough(train, run, tmp_path):
    train("--max-steps", 2)
    finished = run("train", "--resume", "-o", tmp_path / "run", "--device", "cpu")

    assert finished.code == 0, finished.stderr


def test_resume_begins_where_there_is_nothing(train):
    finished = train("--resume", "--max-steps", 1)

    assert finished.code == 0
    assert "no run in" in finished.stderr


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--set", "optim.lr=0"), 6, "optim.lr"),
        (("--set", "optim.lr=-1"), 6, "optim.lr"),
        (("--set", "optim.lr=1e9"), 6, "optim.lr"),
        (("--set", "optim.rl=1"), 6, "optim.rl"),
        (("--set", "optim"), 6, "'optim' is no assignment"),
        (("--set", "data.batch_size=0"), 6, "data.batch_size"),
        (("--config", "nowhere.toml"), 6, "nowhere.toml"),
        (("--recipe", "demuks"), 6, "demuks"),
        (("--freeze", "nothing"), 6, "--freeze 'nothing'"),
        (("--extra", "nowhere"), 7, "nowhere"),
        (("--device", "cuda:7"), 8, "cuda:7"),
        (("--model", "mini", "--architecture", "demucs"), 2, "--architecture"),
        (("--architecture", "wavenet"), 2, "the recipe trains 'demucs', not 'wavenet'"),
        (("--precision", "fp8"), 2, "fp8"),
        (("--max-steps", "-1"), 2, "max-steps"),
    ],
)
def test_what_cannot_be_is_one_error(train, more, code, said):
    finished = train(*more)

    assert finished.code == code, finished.stderr
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in finished.stderr


def test_a_data_set_is_needed(run):
    finished = run("train", "--recipe", "mini")

    assert finished.code == 2
    assert "no DATASET" in finished.stderr


def test_a_changed_recipe_is_refused_by_its_key(train):
    train("--max-steps", 1)
    finished = train("--resume", "--set", "optim.lr=0.5")

    assert finished.code == 6
    assert "error: optim.lr is 0.5, but was 0.001 when the run began" in finished.stderr


def test_a_run_that_was_edited_is_refused(train, run, tmp_path):
    train("--max-steps", 1)
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("batch_size = 2\n", "batch_size = 4\n", 1))
    finished = run("train", "--resume", "-o", tmp_path / "run", "--device", "cpu")

    assert finished.code == 6
    assert "data.batch_size is 4, but was 2" in finished.stderr


@pytest.mark.parametrize("content", ["", "[run]\n", "= no toml", "seed = 'a'\n[run]\ndataset=1\n"])
def test_a_damaged_config_is_one_error(train, run, tmp_path, content):
    train("--max-steps", 0)
    (tmp_path / "run" / "config.toml").write_text(content)
    finished = run("train", "--resume", "-o", tmp_path / "run")

    assert finished.code == 6
    assert "config.toml" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_recipe_is_shown_whole(run):
    finished = run("train", "--show-recipe", "--recipe", "wavenet-vocals", "--seed", 9)
    tables = tomllib.loads(finished.stdout)

    assert finished.code == 0
    assert tables["seed"] == 9
    assert tables["data"]["voiced_threshold"] == 0.1


def test_a_recipe_is_shown_as_a_document(run):
    finished = run("train", "--show-recipe", "--architecture", "demucs", "--json")

    assert json.loads(finished.stdout)["model"]["published"] == "demucs"


def test_what_is_shown_of_a_model_is_its_network(run):
    finished = run("train", "--show-recipe", "--model", "mini")

    assert tomllib.loads(finished.stdout)["model"]["architecture"] == "harmonic_u_net"
    assert TINY["model"]["architecture"] == "demucs"
