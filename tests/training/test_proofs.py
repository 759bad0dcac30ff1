"""Training works: small networks learn songs by heart, and what is known helps.

``benchmarks/training.py`` does the same for every architecture; its log is in
docs/training.md.
"""

from __future__ import annotations

import sys

import pytest

from places import ROOT


@pytest.fixture(scope="module")
def proofs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        import training

        yield training


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["demucs", "conv-tasnet"])
def test_a_small_network_learns_four_songs_by_heart(proofs, name):
    found = proofs.prove(name, steps=proofs.ENOUGH[name])

    assert found.present >= min(10.0, found.ceiling - 2.0)


@pytest.mark.timeout(900)
def test_what_a_network_knows_is_worth_more_than_the_same_steps_from_scratch(proofs):
    found = proofs.further(steps=200)

    assert found["further"] > found["scratch"] + 1.0
