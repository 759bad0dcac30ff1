import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded():
    """Draw the same weights whichever tests ran before."""
    torch.manual_seed(0)
