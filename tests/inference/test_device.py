"""Which device runs the networks."""

import pytest
import torch

from unmixcli.errors import DeviceError
from unmixcli.inference.device import resolve


def test_the_cpu_is_always_there():
    assert resolve("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="no GPU")
def test_auto_without_a_gpu_is_the_cpu():
    assert resolve("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "nope", "", "CPU", "cuda:-1"])
def test_an_absent_device_is_named(name):
    with pytest.raises(DeviceError, match=f"no device '{name}'"):
        resolve(name)


@pytest.mark.gpu
def test_auto_takes_the_gpu():
    assert resolve("auto").type in ("cuda", "mps")
