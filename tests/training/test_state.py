from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unmixcli.errors import OutputError, WeightsError
from unmixcli.training import state
from unmixcli.training.folder import RunFolder


def tree() -> dict:
    return {
        "weights": {"a": torch.randn(3, 2), "step": torch.tensor(4.0), "none": torch.zeros(0)},
        "groups": [{"lr": 0.1 + 0.2, "betas": [0.9, 0.999], "foreach": None}],
        "count": 1 << 60,
    }


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_tree_comes_back_bit_by_bit(tmp_path):
    kept = tree()
    state.save(tmp_path / "last.safetensors", kept)

    assert same(state.load(tmp_path / "last.safetensors"), kept)


def test_two_names_of_one_tensor_are_kept(tmp_path):
    shared = torch.randn(3)
    state.save(tmp_path / "last.safetensors", {"a": shared, "b": shared})

    assert torch.equal(state.load(tmp_path / "last.safetensors")["b"], shared)


def test_every_shorter_file_is_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    state.save(path, {"a": torch.randn(5), "n": 1})
    whole = path.read_bytes()

    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            state.load(path)


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    text = json.dumps({"schema": 99, "tree": {}})
    save_file({"a": torch.zeros(1)}, path, metadata={state.KEY: text})

    with pytest.raises(WeightsError, match="another version"):
        state.load(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    for metadata in (None, {state.KEY: "{}"}, {state.KEY: "[" * 10_000}):
        save_file({"a": torch.zeros(1)}, path, metadata=metadata)
        with pytest.raises(WeightsError):
            state.load(path)
    torch.save({"a": 1}, path)
    with pytest.raises(WeightsError):
        state.load(path)


class Payload:
    """Makes a file, where a pickle of it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda this, to: to.write_bytes(pickle.dumps(this))])
def test_nothing_in_a_checkpoint_is_run(tmp_path, write):
    """The state of the optimiser is plain tensors and values, too."""
    folder = RunFolder(tmp_path)
    with folder.held():
        folder.save({"n": 1})
    write({"optimiser": Payload(tmp_path / "run")}, folder.last)

    with pytest.raises(WeightsError, match=r"last.safetensors"):
        folder.load()
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "last.safetensors"
    state.save(path, {"n": 1})

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "save_file", full)
    with pytest.raises(OutputError, match="no space left") as caught:
        state.save(path, {"n": 2})

    assert "--resume" in caught.value.hint
    assert state.load(path) == {"n": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["last.safetensors"]


def test_two_checkpoints_are_kept_and_no_more(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.held():
        for number in range(5):
            folder.save({"n": number})

    assert state.load(folder.last) == {"n": 4}
    assert state.load(folder.previous) == {"n": 3}
    assert len([*folder.last.parent.iterdir()]) == 2


@pytest.mark.parametrize("lost", ["last", "previous"])
def test_one_damaged_checkpoint_is_no_loss(tmp_path, lost):
    folder = RunFolder(tmp_path)
    with folder.held():
        folder.save({"n": 1})
        folder.save({"n": 2})
    path = getattr(folder, lost)
    path.write_bytes(path.read_bytes()[:50])

    tree, wrong = folder.load()

    assert tree == {"n": 1 if lost == "last" else 2}
    assert bool(wrong) == (lost == "last")


def test_nothing_whole_is_an_error_that_names_both(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.held():
        folder.save({"n": 1})
        folder.save({"n": 2})
    for path in (folder.last, folder.previous):
        path.write_bytes(b"torn")

    with pytest.raises(WeightsError, match=r"last.safetensors.*previous.safetensors"):
        folder.load()


@pytest.mark.parametrize("crash", [1, 2])
def test_a_kill_between_any_two_renames_leaves_a_whole_checkpoint(tmp_path, monkeypatch, crash):
    folder = RunFolder(tmp_path)
    with folder.held():
        folder.save({"n": 1})
        folder.save({"n": 2})
        calls, real = [0], type(tmp_path).replace

        def replace(self, target):
            calls[0] += self.name != ".newest.safetensors.part"
            if calls[0] == crash:
                raise KeyboardInterrupt
            return real(self, target)

        monkeypatch.setattr(type(tmp_path), "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            folder.save({"n": 3})
        monkeypatch.undo()

    assert folder.load()[0] == {"n": 3}


def test_what_a_killed_process_was_writing_is_swept_away(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.held():
        folder.save({"n": 1})
    part = folder.last.with_name(".last.safetensors.part")
    part.write_bytes(b"half")

    with folder.held():
        assert not part.exists()
