"""Rows 59 and 60: bags of models, told in YAML."""

from __future__ import annotations

import os

import pytest

from attacks import archives, victims
from attacks.pickles import GADGETS, listed, table, text
from unmixcli.errors import ConfigError, WeightsError
from unmixcli.weights import loader

CODE = "!!python/object/apply:attacks.canary.sing"

BAGS = {
    "59-python-object": f"models: {CODE} [x]\n",
    "59-python-name": "models: !!python/name:attacks.canary.sing\n",
    "59-python-module": "models: !!python/module:attacks.canary\n",
    "59-python-new": "models: !!python/object/new:attacks.canary.Canary [x]\n",
    "59-python-tuple": "models: !!python/tuple [a]\n",
    "59-own-tag": "models: !canary [a]\n",
    "59-directive": "%TAG ! tag:yaml.org,2002:python/\n--- !object/apply:attacks.canary.sing []\n",
    "59-alias-bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "59-one-alias": "models: &a [aa]\nweights: *a\n",
    "59-alias-of-itself": "models: &a [*a]\n",
    "59-merge-of-itself": "&a\n<<: *a\nmodels: [aa]\n",
    "59-anchors": "".join(f"- &a{n} x\n" for n in range(1500)),
    "59-large": "models: [aa]\n#" + "x" * 70_000,
    "59-nested": "models: " + "[" * 7000,
    "59-nested-and-closed": "models: " + "[" * 5000 + "]" * 5000,
    "59-nested-tables": "{a: " * 4000,
    "59-nested-lists": "- " * 7000,
    "59-nested-keys": "? " * 7000,
    "59-many-documents": "--- a\n" * 2000,
    "59-many-keys": "".join(f"k{n}: 1\n" for n in range(1500)),
    "59-many-merges": "<<: {}\n" * 2000,
    "59-long-plain-text": "models: " + "a " * 7000,
    "59-long-quoted-text": 'models: "' + "\\\n" * 7000,
    "59-long-number": "segment: " + "9" * 16_000 + "\nmodels: [aa]\n",
    "59-sexagesimal": "segment: 1" + ":59" * 5000 + "\nmodels: [aa]\n",
    "59-sexagesimal-float": "segment: 1" + ":59" * 5000 + ".5\nmodels: [aa]\n",
    "59-int-of-nothing": "models: !!int ''\n",
    "59-float-of-nothing": "models: !!float ''\n",
    "59-bool-of-text": "models: !!bool x\n",
    "59-time-of-text": "models: !!timestamp x\n",
    "59-time-that-is-none": "models: 2001-99-99\n",
    "59-binary-of-text": "models: !!binary '*'\n",
    "59-binary-of-letters": "models: !!binary '\u00e9'\n",
    "59-set": "models: !!set {a, b}\n",
    "59-omap": "models: !!omap [a: 1]\n",
    "59-pairs-of-text": "models: !!pairs x\n",
    "59-null-of-text": "models: !!null x\n",
    "59-a-key-that-is-a-list": "? [a]\n: 1\n",
    "59-a-key-that-is-a-table": "? {a: 1}\n: 1\n",
    "59-control-characters": "models: \x07\n",
    "59-half-a-character": b"models: \xed\xa0\x80\n",
    "59-not-utf-8": b"models: \xff\n",
    "59-utf-16": "models: [aa]\n".encode("utf-16"),
    "59-tab": "models:\n\t- aa\n",
    "59-text-with-an-escape": 'models: ["\\e[2J\\n"]\n',
    "59-a-line-break": 'models: ["a\\nb"]\n',
    "60-empty": "",
    "60-null": "null",
    "60-no-models": "{}",
    "60-only-weights": "weights: [[1.0]]\n",
    "60-a-list": "[aa]",
    "60-text": "models",
    "60-other-keys": "models: [aa]\nklass: os.system\n",
    "60-models-text": "models: aa\n",
    "60-models-null": "models: null\n",
    "60-models-empty": "models: []\n",
    "60-models-numbers": "models: [1]\n",
    "60-models-nested": "models: [[aa]]\n",
    "60-models-10^4": f"models: [{','.join(['aa'] * 10_000)}]\n",
    "60-models-65": f"models: [{','.join(['aa'] * 65)}]\n",
    "60-outside": "models: ['../../x']\n",
    "60-absolute": "models: [/etc/passwd]\n",
    "60-pattern": "models: ['*']\n",
    "60-a-long-name": f"models: [{'a' * 2000}]\n",
    "60-absent": "models: [bb]\n",
    "60-weights-of-another-length": "models: [aa]\nweights: [[1, 1], [1, 1]]\n",
    "60-weights-of-another-width": "models: [aa]\nweights: [[1, 1, 1]]\n",
    "60-weights-ragged": "models: [aa, aa]\nweights: [[1, 1], [1]]\n",
    "60-weights-nan": "models: [aa]\nweights: [[.nan, 1]]\n",
    "60-weights-infinite": "models: [aa]\nweights: [[.inf, 1]]\n",
    "60-weights-beyond-a-float": f"models: [aa]\nweights: [[1{'0' * 400}, 1]]\n",
    "60-weights-negative": "models: [aa]\nweights: [[-1, 1]]\n",
    "60-weights-of-nothing": "models: [aa]\nweights: [[0, 0]]\n",
    "60-weights-true": "models: [aa]\nweights: [[true, 1]]\n",
    "60-weights-text": "models: [aa]\nweights: abc\n",
    "60-weights-of-text": "models: [aa]\nweights: [ab]\n",
    "60-weights-a-number": "models: [aa]\nweights: 3\n",
    "60-weights-of-numbers": "models: [aa]\nweights: [3]\n",
    "60-weights-of-null": "models: [aa]\nweights: [null]\n",
    "60-weights-a-table": "models: [aa]\nweights: {a: 1}\n",
    "60-segment-text": "models: [aa]\nsegment: x\n",
    "60-segment-0": "models: [aa]\nsegment: 0\n",
    "60-segment-negative": "models: [aa]\nsegment: -1\n",
    "60-segment-nan": "models: [aa]\nsegment: .nan\n",
    "60-segment-infinite": "models: [aa]\nsegment: .inf\n",
    "60-segment-beyond-a-float": f"models: [aa]\nsegment: 1{'0' * 400}\n",
    "60-segment-beyond-all-tracks": "models: [aa]\nsegment: 1.0e+300\n",
    "60-segment-of-no-sample": "models: [aa]\nsegment: 1.0e-300\n",
    "60-segment-a-list": "models: [aa]\nsegment: [1]\n",
}


def write(attack, bag):
    """Put a bag beside a member that is honest."""
    attack.file(archives.zipped(victims.package(), victims.records()), "aa.th")
    return attack.file(bag if isinstance(bag, bytes) else bag.encode(), "bag.yaml")


def test_an_honest_bag_is_taken(attack):
    path = write(attack, "models: [aa, aa]\nweights: [[1, 0], [0, 1]]\nsegment: 2\n")

    attack.survives(victims.import_alone, path)

    assert loader.load(victims.NAME).shares == ((1.0, 0.0), (0.0, 1.0))


def use(path):
    victims.import_alone(path)
    loader.load(victims.NAME)


@pytest.mark.parametrize("bag", BAGS)
def test_rows_59_and_60_a_bag_that_is_none_is_refused(attack, bag):
    attack.refused(use, write(attack, BAGS[bag]), error=(WeightsError, ConfigError))


def test_row_60_a_member_that_is_hostile_is_refused(attack):
    write(attack, "models: [aa, ab]\n")
    attack.file(archives.zipped(GADGETS["1-reduce-canary"]), "ab-01234567.th")

    attack.refused(victims.import_alone, attack.folder / "bag.yaml")

    assert not list((attack.folder / "home").rglob("*.safetensors"))


def test_row_60_members_that_do_not_separate_the_same_are_refused(attack):
    path = write(attack, "models: [aa, ab]\n")
    sources = table(victims.OPTIONS | {"sources": listed(text("a"), text("c"))})
    content = victims.package(kwargs=sources)
    attack.file(archives.zipped(content, victims.records()), "ab.th")

    attack.refused(use, path, said="do not separate the same sources")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(attack):
    for suffix in (".yaml", ".safetensors", ".th", ".index"):
        os.mkfifo(attack.folder / f"pipe{suffix}")
        attack.refused(victims.import_, attack.folder / f"pipe{suffix}")
    attack.refused(victims.load, attack.folder / "pipe.safetensors")
