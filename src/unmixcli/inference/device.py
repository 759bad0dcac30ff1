"""Which device runs the networks."""

import torch

from unmixcli.errors import DeviceError


def resolve(name: str) -> torch.device:
    """Return a device by name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` takes the first of cuda, mps and cpu that is there.

    Raises:
        DeviceError: There is no such device on this computer.
    """
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    present = [*(f"cuda:{number}" for number in range(torch.cuda.device_count())), *present]
    chosen = {"auto": present[0], "cuda": "cuda:0"}.get(name, name)
    if chosen not in present:
        raise DeviceError(
            f"no device '{name}' on this computer", hint=f"choose auto or {', '.join(present)}"
        )
    return torch.device(chosen)
