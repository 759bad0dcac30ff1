"""Two processes on this computer, as ``torchrun`` starts them."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import nullcontext

import pytest
import torch
from safetensors.torch import load_file

from tiny_training import NETWORKS, lines_of, resolved
from unmixcli.errors import DeviceError


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def launcher(processes: int = 2) -> tuple[str, ...]:
    port = f"--master-port={free_port()}"
    return (sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}", port)


def test_two_processes_are_one_with_a_larger_batch(start, run, dataset, config, tmp_path):
    """World 2 x batch 1 is world 1 x batch 2, as far as sums can be taken in another order."""
    sgd = ("optim.name=sgd", "optim.lr=0.05", "optim.clip=0")
    run(*sgd, output=tmp_path / "one", max_steps=4)
    process = start(
        *(dataset, "--config", config, "-o", tmp_path / "two", "--device", "cpu"),
        *(part for said in sgd for part in ("--set", said)),
        *("--max-steps", 4),
        launcher=launcher(),
    )
    said, errors = process.communicate(timeout=200)

    assert process.returncode == 0, errors
    assert said.count("model.safetensors") == 1  # only one of them speaks, and writes
    assert said.count("valid") == 2
    compare(tmp_path / "one", tmp_path / "two")
    # And as many devices as there are can go on with what others began.
    run(*sgd, output=tmp_path / "one", resume=True)
    run(*sgd, output=tmp_path / "two", resume=True)
    compare(tmp_path / "one", tmp_path / "two")


def compare(alone, together):
    one, two = lines_of(alone), lines_of(together)
    assert len(one) == len(two)
    for mine, theirs in zip(one, two, strict=True):
        assert mine.get("loss") == pytest.approx(theirs.get("loss"), abs=1e-5)
        assert mine.get("sdr") == pytest.approx(theirs.get("sdr"), abs=1e-3)
    mine, theirs = (load_file(folder / "model.safetensors") for folder in (alone, together))
    assert all((mine[name] - theirs[name]).abs().max() < 1e-5 for name in mine)


def in_a_job(monkeypatch, port):
    """Let this process be the only one of a job."""
    values = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**values, "MASTER_PORT": port}.items():
        monkeypatch.setenv(name, str(value))


def test_one_process_of_a_job_is_as_without_one(run, monkeypatch, tmp_path):
    run(output=tmp_path / "one")
    in_a_job(monkeypatch, free_port())
    run(output=tmp_path / "two")

    assert lines_of(tmp_path / "one") == lines_of(tmp_path / "two")


def test_a_port_that_is_taken_is_named(run, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        in_a_job(monkeypatch, port)

        with pytest.raises(DeviceError, match=f"127.0.0.1:{port}") as caught:
            run()
    assert "--master-port" in caught.value.hint


def test_a_process_that_dies_ends_the_job(start, dataset, config, tmp_path):
    """The other one is told by the broken connection, and does not wait for ever."""
    port = str(free_port())
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    arguments = (dataset, "--config", config, "-o", tmp_path / "run", "--device", "cpu")
    endless = ("--set", "stages.0.epochs=100000")
    first, second = (
        start(*arguments, *endless, RANK=str(rank), LOCAL_RANK=str(rank), **common)
        for rank in (0, 1)
    )
    while first.poll() is None and not (tmp_path / "run" / "metrics.jsonl").exists():
        time.sleep(0.05)
    second.kill()
    _, errors = first.communicate(timeout=60)

    assert first.returncode == 8, errors
    assert "another process of the job has ended" in errors
    assert "Traceback" not in errors


FULL = """
import sys
import torch
from unmixcli.cli.app import main
from unmixcli.training.objective import Objective

def full(*_):
    raise torch.OutOfMemoryError("out of memory")

Objective.estimate = full
sys.argv = sys.argv[2:]
main()
"""


def test_one_device_that_is_too_small_ends_the_job(start, dataset, config, tmp_path):
    """Each says why it ends, and none waits."""
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    arguments = (dataset, "--config", config, "-o", tmp_path / "run", "--device", "cpu")
    first = start(*arguments, RANK="0", LOCAL_RANK="0", **common)
    small = (sys.executable, "-c", FULL)
    second = start(*arguments, launcher=small, RANK="1", LOCAL_RANK="1", **common)
    _, alone = first.communicate(timeout=100)
    _, errors = second.communicate(timeout=100)

    assert (first.returncode, second.returncode) == (8, 8), alone + errors
    assert "out of memory with 1 x" in errors
    assert "another process of the job has ended" in alone
    assert "Traceback" not in alone + errors


MORTAL = """
import os
import signal
import sys
from pathlib import Path
from unmixcli.cli.app import main
from unmixcli.cli.train_progress import Told

real = Told.stepped

def stepped(told, trainer, *rest):
    real(told, trainer, *rest)
    mark = Path(os.environ["MARK"])
    if trainer.standing.step == 5 and os.environ["RANK"] == "1" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

Told.stepped = stepped
sys.argv = sys.argv[2:]
main()
"""


def test_a_job_that_is_started_again_goes_on(start, run, dataset, config, tmp_path):
    """By ``torchrun --max-restarts``, from the last checkpoint."""
    run("data.batch_size=2", output=tmp_path / "whole")
    script = tmp_path / "mortal.py"
    script.write_text(MORTAL)
    process = start(
        *(dataset, "--config", config, "-o", tmp_path / "parts", "--device", "cpu", "--resume"),
        launcher=(*launcher(), "--max-restarts=1", str(script)),
        MARK=str(tmp_path / "killed"),
    )
    _, errors = process.communicate(timeout=200)

    assert process.returncode == 0, errors
    assert (tmp_path / "killed").exists()
    compare(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("precision", [None, torch.bfloat16, torch.float16])
def test_every_weight_of_every_network_gets_a_gradient(name, precision):
    """For one that gets none, processes would wait; in half precision, too."""
    network = resolved(name).build().train()
    length = network.geometry(600).input_length
    inputs = [torch.randn(2, network.config.channels, length)]
    inputs += [torch.ones(2, 2)] if hasattr(network, "labels") else []
    context = torch.autocast("cpu", dtype=precision) if precision else nullcontext()
    with context:
        estimates = network(*inputs)
    estimates.float().square().mean().backward()

    assert [key for key, weight in network.named_parameters() if weight.grad is None] == []
