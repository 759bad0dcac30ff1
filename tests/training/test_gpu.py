"""What only a GPU can show; ``pytest -m gpu`` runs it there."""

from __future__ import annotations

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"),
]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("compiled", ["false", "true"])
def test_every_precision_learns_on_a_gpu(run, precision, compiled):
    outcome = run(
        *(f"precision={precision}", f"compile={compiled}", "stages.0.epochs=10", "optim.lr=1e-2"),
        device="cuda",
    )

    losses = run.listener.losses
    assert outcome.finished
    assert sum(losses[-6:]) < sum(losses[:6])


def test_a_run_may_go_on_on_another_device(run):
    run(max_steps=2, device="cuda")

    assert run(resume=True, device="cpu").finished


def test_a_batch_that_is_too_large_says_what_would_fit(run):
    from unmixcli.errors import DeviceError

    with pytest.raises(DeviceError, match="out of memory"):
        run("data.seconds=3000", "data.batch_size=4", "model.config.width=512", device="cuda")
