"""What published constructors mean here."""

from __future__ import annotations

import pytest

from unmixcli.errors import ConfigError
from unmixcli.schedule import Context, ShiftScope
from unmixcli.weights.published import translate

FOUR = ["drums", "bass", "other", "vocals"]


def test_the_second_versions_defaults_are_the_papers():
    published = translate("demucs_v2", "demucs.model.Demucs", {"sources": FOUR})

    assert published.architecture == "demucs"
    assert published.config.width == 64
    assert published.config.resample
    assert published.schedule.segment == 1_764_000
    assert published.schedule.max_shift == 22_050
    assert published.schedule.shift_scope is ShiftScope.CHUNK


def test_the_first_version_cuts_ten_seconds_without_context():
    published = translate("demucs_v1", "demucs.model.Demucs", {"samplerate": 1000})

    assert not published.config.resample
    assert published.config.sources == tuple(FOUR)
    assert published.schedule.segment == 10_000
    assert published.schedule.overlap == 0
    assert published.schedule.context is Context.ZEROS


def test_the_papers_symbols_of_conv_tasnet_are_spelled_out():
    published = translate("demucs_v2", "demucs.tasnet.ConvTasNet", {"sources": FOUR, "X": 10})

    assert published.architecture == "conv_tasnet"
    assert (published.config.blocks, published.config.filters) == (10, 256)
    assert published.schedule.segment == 352_800


def test_an_argument_nobody_declared_is_refused():
    with pytest.raises(ConfigError, match="no hyper-parameter 'evil'"):
        translate("demucs_v2", "demucs.model.Demucs", {"sources": FOUR, "evil": 1})


@pytest.mark.parametrize("name", ["os.system", "demucs.model.demucs", "demucs.hdemucs.HDemucs"])
def test_a_class_that_is_not_here_is_refused(name):
    with pytest.raises(ConfigError, match=f"no architecture here for '{name}'"):
        translate("demucs_v2", name, {})
