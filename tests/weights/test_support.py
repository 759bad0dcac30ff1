"""What is said to run is what runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unmixcli.errors import WeightsError
from unmixcli.weights import catalogue, published, support
from unmixcli.weights.formats import reading
from unmixcli.weights.registry import architecture, architectures


def test_every_reader_is_named():
    assert set(reading.READERS) | {"native"} == support.FORMATS


def test_every_constructor_is_named():
    named = {(system, name) for system, names in support.CONSTRUCTORS.items() for name in names}

    assert named == set(published.CONSTRUCTORS)


def test_every_constructor_says_what_it_makes():
    assert set(published.ARCHITECTURES) == {name for _, name in published.CONSTRUCTORS}
    assert set(published.ARCHITECTURES.values()) <= set(architectures())


def test_every_network_that_takes_labels_is_named():
    told = {name for name in architectures() if hasattr(architecture(name).build, "labels")}

    assert told == support.CONDITIONED


def changed(**changes):
    """Return a model that runs, with something else in it."""
    entry = catalogue.get("tdc-vocals-top1")
    assert support.runnable(entry)
    [member] = entry.members
    [file] = member.files
    if "format" in changes:
        files = (replace(file, format=changes["format"]),)
        return replace(entry, members=(replace(member, files=files),))
    if "constructor" in changes:
        call = replace(member.constructor, name=changes["constructor"])
        return replace(entry, members=(replace(member, constructor=call),))
    return replace(entry, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "nope"}, "its network, nope, is not in this version"),
        ({"architecture": None}, "its networks are not in this version"),
        ({"format": "nope"}, "files of the format 'nope' are not read by this version"),
        ({"constructor": "Nope"}, "'Nope' of tdc_u_net is not in this version"),
    ],
    ids=str,
)
def test_what_keeps_a_model_from_running_is_said(changes, said):
    entry = changed(**changes)

    assert not support.runnable(entry)
    with pytest.raises(WeightsError, match=f"is listed, but {said}"):
        support.require_runnable(entry)
