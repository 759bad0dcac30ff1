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
