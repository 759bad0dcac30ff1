"""Row 34 and beyond: quantised states, which are lists without names and full of claims."""

from __future__ import annotations

import json
import struct
from math import prod

import pytest

from attacks import archives, pickles, safetensors_files, victims
from attacks.pickles import (
    HUGE,
    NONE,
    entry,
    listed,
    name,
    nested,
    real,
    table,
    tensor,
    text,
    whole,
)
from unmixcli.errors import WeightsError
from unmixcli.weights import checkpoint, loader
from unmixcli.weights.registry import configure

QUANTISED = ("encoder.0.0.weight", "decoder.0.0.weight", "decoder.0.2.weight")
"""The three largest, in order: 16, 24 and 32 weights, in groups of 4."""
SIZES = (16, 24, 32)

BYTES = {"kind": "ByteStorage"}
RECORDS = {
    **{f"levels{n}": bytes(range(size)) for n, size in enumerate(SIZES)},
    **{f"bits{n}": bytes([8]) * (size // 4) for n, size in enumerate(SIZES)},
    **{f"narrow{n}": bytes([6]) * (size // 4) for n, size in enumerate(SIZES)},
    **victims.records(),
}


def levels(number, **lies):
    return tensor(f"levels{number}", (SIZES[number] // 4, 4), **BYTES, **lies)


def bits(number, key="bits", **lies):
    return tensor(f"{key}{number}", (SIZES[number] // 4, 1), **BYTES, **lies)


LIMITS = entry(real(-1.0), real(1.0))


def others():
    rest = [
        (n, shape)
        for n, (key, shape) in enumerate(victims.shapes().items())
        if key not in QUANTISED
    ]
    return listed(*(tensor(str(number), shape) for number, shape in rest))


def state(first=None, *, records=None, wrap=archives.zipped, **changes):
    """A file whose first quantised entry, or other parts, are another's than DiffQ's."""
    entries = [entry(levels(n), LIMITS, bits(n)) for n in range(3)]
    if first is not None:
        entries[0] = first
    parts = {"quantized": listed(*entries), "float16": listed(), "others": others()}
    return wrap(table(parts | changes), RECORDS | (records or {}))


def meta(**values):
    options = values.pop("init_kwargs", {})
    return table({"init_kwargs": table(options), **values})


def refused(attack, data):
    return attack.refused(victims.import_, attack.file(data))


@pytest.mark.parametrize("wrap", [archives.zipped, archives.in_compressed])
def test_an_honest_quantised_state_is_taken(attack, wrap):
    attack.survives(victims.import_, attack.file(state(wrap=wrap)))

    [network] = loader.load(victims.NAME).networks
    weight = network.state_dict()["encoder.0.0.weight"].flatten()
    assert weight.tolist() == pytest.approx([2 * level / 255 - 1 for level in range(16)])


def one(key, raw, shape, kind):
    """A tensor, and the record that it lies in."""
    return tensor(key, shape, kind=kind), {key: raw}


ROW = one("row", bytes([8, 8, 8, 8]), (1, 4), "ByteStorage")
ENTRIES = {
    "bits-of-0": (entry(levels(0), LIMITS, tensor("x", (4, 1), **BYTES)), {"x": bytes(4)}),
    "bits-of-17": (entry(levels(0), LIMITS, tensor("x", (4, 1), **BYTES)), {"x": bytes([17] * 4)}),
    "bits-of-200": (
        entry(levels(0), LIMITS, tensor("x", (4, 1), **BYTES)),
        {"x": bytes([200] * 4)},
    ),
    "bits-negative": (
        entry(levels(0), LIMITS, tensor("x", (4, 1), kind="CharStorage")),
        {"x": b"\xff" * 4},
    ),
    "bits-nan": (
        entry(levels(0), LIMITS, tensor("x", (4, 1))),
        {"x": struct.pack("<4f", *[float("nan")] * 4)},
    ),
    "bits-infinite": (
        entry(levels(0), LIMITS, tensor("x", (4, 1))),
        {"x": struct.pack("<4f", *[float("inf")] * 4)},
    ),
    "bits-of-fewer-groups": (
        entry(levels(0), LIMITS, tensor("bits1", (3, 1), count=6, **BYTES)),
        {},
    ),
    "bits-in-a-row": (entry(levels(0), LIMITS, ROW[0]), ROW[1]),
    "bits-of-no-group": (entry(levels(0), LIMITS, tensor("x", (0, 1), **BYTES)), {"x": b""}),
    "bits-that-are-a-number": (entry(levels(0), LIMITS, whole(8)), {}),
    "bits-that-are-text": (entry(levels(0), LIMITS, text("8")), {}),
    "levels-of-another-count": (entry(levels(1), LIMITS, bits(0)), {}),
    "levels-of-nothing": (entry(tensor("x", (0, 4), **BYTES), LIMITS, bits(0)), {"x": b""}),
    "levels-of-none-of-2^39": (entry(tensor("x", (HUGE, 0), **BYTES), LIMITS, bits(0)), {"x": b""}),
    "levels-in-no-groups": (
        entry(tensor("levels0", (16,), **BYTES), LIMITS, tensor("x", (16,), **BYTES)),
        {"x": bytes([8] * 16)},
    ),
    "levels-of-one": (entry(tensor("x", (), **BYTES), LIMITS, bits(0)), {"x": b"\1"}),
    "levels-nan": (
        entry(tensor("x", (4, 4)), LIMITS, bits(0)),
        {"x": struct.pack("<16f", *[float("nan")] * 16)},
    ),
    "levels-that-are-a-list": (entry(listed(levels(0)), LIMITS, bits(0)), {}),
    "levels-that-are-deep": (entry(nested(10_000), LIMITS, bits(0)), {}),
    "levels-that-are-text": (entry(text("x"), LIMITS, bits(0)), {}),
    "limits-nan": (entry(levels(0), entry(real(float("nan")), real(1.0)), bits(0)), {}),
    "limits-infinite": (entry(levels(0), entry(real(0.0), real(float("inf"))), bits(0)), {}),
    "limits-that-differ-infinitely": (
        entry(levels(0), entry(real(-1.7e308), real(1.7e308)), bits(0)),
        {},
    ),
    "limits-beyond-a-float": (entry(levels(0), entry(whole(0), whole(1 << 1100)), bits(0)), {}),
    "limits-beyond-a-float32": (entry(levels(0), entry(real(0.0), real(1e300)), bits(0)), {}),
    "limits-of-one": (entry(levels(0), entry(real(0.0)), bits(0)), {}),
    "limits-that-are-text": (entry(levels(0), entry(text("0"), text("1")), bits(0)), {}),
    "limits-that-are-tensors": (entry(levels(0), entry(levels(0), levels(0)), bits(0)), {}),
    "limits-that-are-deep": (entry(levels(0), entry(nested(10_000), NONE), bits(0)), {}),
    "nothing": (entry(), {}),
    "none": (NONE, {}),
    "a-number": (whole(3), {}),
    "text": (text("abc"), {}),
    "a-dict": (b"}", {}),
    "one-value": (entry(levels(0)), {}),
    "a-gadget": (pickles.GADGETS["1-reduce-canary"], {}),
}


@pytest.mark.parametrize("lie", ENTRIES)
def test_a_quantised_tensor_that_lies_is_refused(attack, lie):
    first, records = ENTRIES[lie]

    for wrap in (archives.zipped, archives.legacy if lie == "a-gadget" else archives.in_compressed):
        refused(attack, state(first, records=records, wrap=wrap))


PARTS = {
    "quantized-none": {"quantized": NONE},
    "quantized-a-number": {"quantized": whole(5)},
    "quantized-text": {"quantized": text("abc")},
    "quantized-a-dict": {"quantized": table({"a": NONE})},
    "quantized-empty": {"quantized": listed()},
    "quantized-many": {"quantized": listed(*[NONE] * 100_000)},
    "others-none": {"others": NONE},
    "others-a-number": {"others": whole(5)},
    "others-fewer": {"others": listed()},
    "others-of-words": {"others": listed(*[text("x")] * 5)},
    "others-in-other-order": {"others": listed(*[tensor("1", (2,))] * 5)},
    "float16-a-number": {"float16": whole(5)},
    "float16-too": {"float16": others()},
    "meta-text": {"meta": text("x")},
    "meta-a-list": {"meta": listed(text("x"))},
    "meta-a-number": {"meta": whole(1)},
    "klass-text": {"meta": meta(klass=text("diffq.diffq.DiffQuantizer"))},
    "klass-a-number": {"meta": meta(klass=whole(1))},
    "klass-another": {"meta": meta(klass=name("demucs.model", "Demucs"))},
    "klass-a-gadget": {"meta": meta(klass=pickles.GADGETS["1-reduce-canary"])},
    "init-kwargs-none": {"meta": table({"init_kwargs": NONE})},
    "init-kwargs-a-list": {"meta": table({"init_kwargs": listed(text("x"))})},
    "init-kwargs-a-number": {"meta": table({"init_kwargs": whole(3)})},
}


@pytest.mark.parametrize("lie", PARTS)
def test_a_quantised_state_of_other_parts_is_refused(attack, lie):
    refused(attack, state(**PARTS[lie]))


BOMB = "*a" * 50 + "b"
OPTIONS = {
    "exclude-a-number": {"exclude": whole(5)},
    "exclude-none": {"exclude": NONE},
    "exclude-of-numbers": {"exclude": listed(whole(5))},
    "exclude-deep": {"exclude": listed(nested(10_000))},
    "exclude-laughs": {"exclude": listed(pickles.laughs(64, text("*")))},
    "exclude-many": {"exclude": listed(*(text(f"x{n}*") for n in range(100_000)))},
    "exclude-all": {"exclude": listed(text("*"))},
    "exclude-long": {"exclude": listed(text("[a" * 500_000))},
    "exclude-catastrophic": {"exclude": listed(text("*e" * 60 + "?" * 60 + "*!"), text("*"))},
    "exclude-stars": {"exclude": listed(text("*?" * 5000 + "!"), text("*"))},
}


@pytest.mark.parametrize("lie", OPTIONS)
def test_patterns_of_what_is_not_quantised_are_few_and_short(attack, lie):
    refused(attack, state(meta=meta(init_kwargs=OPTIONS[lie])))


ROUNDING = {
    "round-to-10^12": whole(10**12),
    "round-to-10^9": whole(10**9),
    "round-to-negative": whole(-5),
    "round-to-text": text("8"),
    "round-to-nan": real(float("nan")),
}


@pytest.mark.parametrize("lie", ROUNDING)
def test_rounding_to_bits_that_nobody_has_is_refused(attack, lie):
    refused(attack, state(meta=meta(init_kwargs={"round_to": ROUNDING[lie]})))


UNIFORM = [entry(tensor(f"levels{n}", (size,), **BYTES), LIMITS) for n, size in enumerate(SIZES)]


@pytest.mark.parametrize(
    "bits",
    [
        whole(0),
        whole(17),
        whole(-1),
        whole(1 << 100),
        real(float("inf")),
        text("x"),
        listed(),
        NONE,
    ],
    ids=["0", "17", "-1", "2^100", "infinite", "text", "list", "none"],
)
def test_uniform_bits_that_nobody_has_are_refused(attack, bits):
    refused(attack, state(quantized=listed(*UNIFORM), meta=meta(init_kwargs={"bits": bits})))


@pytest.mark.parametrize("qat", [whole(17), whole(-3), whole(1 << 100)], ids=["17", "-3", "2^100"])
def test_uniform_bits_of_a_training_that_nobody_has_are_refused(attack, qat):
    training = name("argparse", "Namespace") + b")\x81" + table({"qat": qat}) + b"b"
    parts = {"quantized": listed(*UNIFORM), "others": others()}
    content = victims.package(state=table(parts), training_args=training)

    attack.refused(victims.import_alone, attack.file(archives.zipped(content, RECORDS)))


# Packed states: levels by bit width, each a tensor of bits.


def packed(levels_of, *, widths=None, torch_pack=False, records=None, **options):
    """A file whose first entry is packed so, and whose others are as honest as it takes."""
    words = tensor("words", (1, 1, 32), kind="LongStorage")
    narrow = entry(
        listed(words), LIMITS, widths or tensor("widths", (1, 1, 32), kind="LongStorage")
    )
    first = entry(levels_of, LIMITS, widths or tensor("widths", (1, 1, 32), kind="LongStorage"))
    kept = {"group_size": whole(4), "min_bits": whole(1), **options}
    facts = meta(packed=b"\x88", torch_pack=b"\x88" if torch_pack else b"\x89", init_kwargs=kept)
    zeros = {"words": bytes(256), "widths": bytes(256)} | (records or {})
    return state(quantized=listed(first, narrow, narrow), meta=facts, records=zeros)


LONG = {"kind": "LongStorage"}
SHORT = {"kind": "ShortStorage"}
WORDS = listed(tensor("words", (1, 1, 32), **LONG))
ZEROS = bytes(1 << 20)

PACKED = {
    "group-size-0": packed(WORDS, group_size=whole(0)),
    "group-size-negative": packed(WORDS, group_size=whole(-4)),
    "group-size-10^12": packed(WORDS, group_size=whole(10**12)),
    "group-size-beyond": packed(WORDS, group_size=whole(1 << 100)),
    "group-size-infinite": packed(WORDS, group_size=real(float("inf"))),
    "group-size-nan": packed(WORDS, group_size=real(float("nan"))),
    "group-size-text": packed(WORDS, group_size=text("x")),
    "group-size-none": packed(WORDS, group_size=NONE),
    "group-size-that-leaves-some": packed(WORDS, group_size=whole(5)),
    "min-bits-15": packed(WORDS, min_bits=whole(15)),
    "min-bits-negative": packed(WORDS, min_bits=whole(-5)),
    "min-bits-beyond": packed(WORDS, min_bits=whole(1 << 100)),
    "min-bits-infinite": packed(WORDS, min_bits=real(float("inf"))),
    "no-levels": packed(listed()),
    "no-levels-of-that-width": packed(listed(NONE)),
    "levels-of-a-million-widths": packed(
        listed(tensor("words", (1, 1, 32), **LONG), *[NONE] * 200_000)
    ),
    "levels-a-number": packed(whole(3)),
    "levels-text": packed(text("x")),
    "levels-of-one-axis": packed(listed(tensor("words", (32,), **LONG))),
    "levels-of-floats": packed(listed(tensor("words", (1, 2, 32), kind="FloatStorage"))),
    "levels-of-no-lines": packed(listed(tensor("x", (0, 1, 32), **LONG)), records={"x": b""}),
    "levels-of-no-bits": packed(listed(tensor("x", (HUGE, 0, 32), **LONG)), records={"x": b""}),
    "levels-of-no-bits-of-a-gigabyte": packed(
        listed(tensor("x", (70_000, 0, 32), **LONG)), records={"x": b""}
    ),
    "levels-of-no-words": packed(listed(tensor("x", (1, 1, 0), **LONG)), records={"x": b""}),
    "levels-of-a-million-bits": packed(
        listed(tensor("x", (1, 4096, 32), **LONG)), records={"x": ZEROS}
    ),
    "levels-of-too-many-lines": packed(
        listed(tensor("x", (4096, 1, 32), **LONG)), records={"x": ZEROS}
    ),
    "widths-of-a-million-bits": packed(
        WORDS, widths=tensor("x", (1, 4096, 32), **LONG), records={"x": ZEROS}
    ),
    "short-levels-of-a-million-bits": packed(
        listed(tensor("x", (1 << 19, 1), **SHORT)), torch_pack=True, records={"x": ZEROS}
    ),
    "short-widths-of-a-million-bits": packed(
        WORDS,
        widths=tensor("x", (1 << 19, 1), **SHORT),
        torch_pack=True,
        records={"x": ZEROS},
    ),
    "short-levels-of-no-bits": packed(
        WORDS, widths=tensor("x", (0, 1 << 30), **SHORT), torch_pack=True, records={"x": b""}
    ),
    "short-levels-of-floats": packed(WORDS, widths=tensor("words", (2, 32)), torch_pack=True),
}


@pytest.mark.parametrize("lie", PACKED)
def test_levels_packed_as_nobody_packs_them_are_refused(attack, lie):
    refused(attack, PACKED[lie])


# The same in a native file.

GROUPS = 80_000


@pytest.mark.parametrize("shape", [(1, GROUPS), (200, 400), (GROUPS,)], ids=str)
def test_bits_that_would_be_spread_over_all_groups_are_refused(attack, shape):
    """Levels in a column times bits in a row make a square: 160,000 bytes make 25 GB."""
    config = victims.CONFIG | {"width": 200}
    tensors = {
        key: ("F32", size, bytes(4 * prod(size)))
        for key, size in checkpoint.shapes(
            checkpoint.blank("demucs", configure("demucs", config))
        ).items()
    }
    assert prod(tensors.pop("encoder.0.2.weight")[1]) == GROUPS
    tensors["encoder.0.2.weight.levels"] = ("U8", (GROUPS, 1), bytes(GROUPS))
    tensors["encoder.0.2.weight.bits"] = ("U8", shape, bytes([8]) * GROUPS)
    weight = {"low": 0, "high": 1, "bits": None, "shape": [400, 200, 1]}
    header = victims.native_header(config=config, quantised={"encoder.0.2.weight": weight})
    data = safetensors_files.native(header, tensors)

    attack.refused(victims.load, attack.file(data, "hostile.safetensors"), said="bit widths")


FACTS = {
    "bits-infinite": '{"low": 0, "high": 1, "bits": Infinity, "shape": [2]}',
    "bits-nan": '{"low": 0, "high": 1, "bits": NaN, "shape": [2]}',
    "bits-beyond": '{"low": 0, "high": 1, "bits": 1%s, "shape": [2]}' % ("0" * 100),
    "bits-0": '{"low": 0, "high": 1, "bits": 0, "shape": [2]}',
    "bits-true": '{"low": 0, "high": 1, "bits": true, "shape": [3]}',
    "bits-text": '{"low": 0, "high": 1, "bits": "x", "shape": [2]}',
    "bits-elsewhere": '{"low": 0, "high": 1, "bits": null, "shape": [2]}',
    "low-beyond": '{"low": 1%s, "high": 1, "bits": 8, "shape": [2]}' % ("0" * 400),
    "low-nan": '{"low": NaN, "high": 1, "bits": 8, "shape": [2]}',
    "high-infinite": '{"low": 0, "high": Infinity, "bits": 8, "shape": [2]}',
    "low-text": '{"low": "x", "high": 1, "bits": 8, "shape": [2]}',
    "shape-a-number": '{"low": 0, "high": 1, "bits": 8, "shape": 2}',
    "shape-infinite": '{"low": 0, "high": 1, "bits": 8, "shape": [Infinity]}',
    "shape-negative": '{"low": 0, "high": 1, "bits": 8, "shape": [-1, -2]}',
    "shape-beyond": '{"low": 0, "high": 1, "bits": 8, "shape": [1%s, 0]}' % ("0" * 100),
    "shape-other": '{"low": 0, "high": 1, "bits": 8, "shape": [2, 1]}',
    "nothing": "{}",
    "null": "null",
    "a-list": "[]",
}


@pytest.mark.parametrize("lie", FACTS)
@pytest.mark.parametrize("shape", [(2,), (2, 1), ()], ids=str)
def test_a_native_quantised_weight_that_lies_is_refused(attack, lie, shape):
    header = victims.native_header(quantised={"encoder.0.0.bias": "HERE"})
    text_ = json.dumps(header).replace('"HERE"', FACTS[lie])
    tensors = safetensors_files.honest_tensors()
    del tensors["encoder.0.0.bias"]
    tensors["encoder.0.0.bias.levels"] = ("U8", shape, bytes(2 if shape else 1))
    data = safetensors_files.native(text_, tensors)

    attack.refused(victims.load, attack.file(data, "hostile.safetensors"))


@pytest.mark.parametrize("dtype", ["BOOL", "F32", "I64", "C64"])
def test_levels_that_are_no_whole_numbers_are_refused_or_read(attack, dtype):
    width = {"BOOL": 1, "F32": 4, "I64": 8, "C64": 8}[dtype]
    fact = {"low": 0, "high": 1, "bits": 8, "shape": [2]}
    header = victims.native_header(quantised={"encoder.0.0.bias": fact})
    tensors = safetensors_files.honest_tensors()
    del tensors["encoder.0.0.bias"]
    tensors["encoder.0.0.bias.levels"] = (dtype, (2, 1), b"\1" * 2 * width)
    path = attack.file(safetensors_files.native(header, tensors), "hostile.safetensors")

    try:
        attack.survives(victims.load, path)
    except WeightsError:
        return
    assert dtype in ("BOOL", "I64")


@pytest.mark.parametrize("quantised", [[], "x", 3, [1], {"absent": {}}, None], ids=str)
def test_quantised_that_is_no_table_is_refused(attack, quantised):
    header = victims.native_header(quantised=quantised)
    data = safetensors_files.native(header, safetensors_files.honest_tensors())

    attack.refused(victims.load, attack.file(data, "hostile.safetensors"))
