"""What an error asks when a word is nearly right."""

from __future__ import annotations

import pytest

from unmixcli.errors import UnknownModelError, nearest


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (["demucs"], "did you mean 'demucs'?"),
        (["demucs", "tasnet"], "did you mean 'demucs'?"),
        (["Demucs", "DEMUCS_q"], "did you mean 'Demucs' or 'DEMUCS_q'?"),
        (
            ["demucs", "demucs_a", "demucs_bc", "demucs_def"],
            "did you mean 'demucs', 'demucs_a' or 'demucs_bc'?",
        ),
        (["tasnet"], None),
        ([], None),
    ],
    ids=str,
)
def test_up_to_three_near_words_are_asked_for(known, asked):
    assert nearest("dEmcus", known) == asked


def test_without_a_near_name_the_list_is_named():
    error = UnknownModelError("zzz", known=("mini", "demucs"))

    assert str(error) == "no model named 'zzz' in the manifest"
    assert error.hint == "see 'unmixcli models list'"
