import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded():
    """Draw the same weights whichever tests ran before."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Tiny recurrent layers on two threads of a busy machine take ten times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
