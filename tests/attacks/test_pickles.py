"""Rows 1 to 11, 20 to 22 and 24: what a pickle may say, and that saying it does nothing."""

from __future__ import annotations

import io
import pickletools
import struct
import zlib

import pytest

from attacks import archives, pickles, victims
from attacks.pickles import (
    GADGETS,
    HEAD,
    NONE,
    STOP,
    call,
    entry,
    get,
    listed,
    name,
    nested,
    put,
    table,
    text,
    whole,
)
from attacks.pickles import pickle as assembled
from unmixcli.errors import ConfigError, WeightsError
from unmixcli.weights.formats import pickle_data
from unmixcli.weights.formats.pickle_data import PickleError, Reader
from unmixcli.weights.formats.torch_file import STORAGES

NOT_READ = "is not a file of weights that is read here"
IMPOSSIBLE = WeightsError, ConfigError
"""What a package says of its network may also be a configuration that nothing can have."""


@pytest.mark.parametrize("container", archives.CONTAINERS)
@pytest.mark.parametrize("gadget", GADGETS)
def test_rows_1_to_9_a_gadget_beside_the_weights_is_refused(attack, container, gadget):
    content = victims.state(extra=GADGETS[gadget])
    path = attack.file(archives.CONTAINERS[container](content, victims.records()))

    attack.refused(victims.import_, path, said=NOT_READ)


@pytest.mark.parametrize("part", ["klass", "args", "kwargs", "state", "training_args"])
@pytest.mark.parametrize("gadget", GADGETS)
def test_rows_1_to_9_a_gadget_in_a_package_is_refused(attack, part, gadget):
    content = victims.package(**{part: GADGETS[gadget]})
    path = attack.file(archives.zipped(content, victims.records()))

    attack.refused(victims.import_alone, path, said=NOT_READ)


def test_rows_1_to_9_a_gadget_among_the_attributes_of_a_training_is_refused(attack):
    attributes = table({"diffq": GADGETS["1-reduce-canary"]})
    content = victims.package(training_args=name("argparse", "Namespace") + b")\x81" + attributes)
    path = attack.file(archives.zipped(content + b"b", victims.records()))

    attack.refused(victims.import_alone, path, said=NOT_READ)


@pytest.mark.parametrize("gadget", ["1-reduce-canary", "5-stack-global", "6-inst"])
@pytest.mark.parametrize("at", range(5))
def test_rows_1_to_9_a_gadget_in_any_pickle_of_an_old_file_is_refused(attack, at, gadget):
    """Magic number, version, system, content, and keys of the storages."""
    row = archives.legacy(victims.state(), victims.records())
    ends = [at for at in range(len(row)) if row.startswith(STOP + HEAD, at)]
    pieces = [row[start:end] for start, end in zip([0, *(e + 1 for e in ends)], ends, strict=False)]
    pieces[at : at + 1] = [HEAD + GADGETS[gadget]]

    attack.refused(victims.import_, attack.file(STOP.join([*pieces, b""])), said=NOT_READ)


@pytest.mark.parametrize("gadget", ["1-reduce-canary", "1-reduce-os-system", "5-stack-global"])
def test_row_61_a_pickle_named_as_the_model_is_refused(attack, gadget):
    path = attack.file(archives.zipped(GADGETS[gadget]))

    attack.refused(victims.load, path, said="is not a file of unmixcli weights")
    attack.refused(victims.load, path.rename(path.with_suffix(".safetensors")))


# What each instruction would need before it on the stack, and behind it in the file.
BEFORE = MARKED = b"(" + text("a") + text("b")
ARGUMENTS = {
    "BINUNICODE8": struct.pack("<Q", 1) + b"x",
    "BINBYTES8": struct.pack("<Q", 1) + b"x",
    "BYTEARRAY8": struct.pack("<Q", 1) + b"x",
    "BINBYTES": struct.pack("<I", 1) + b"x",
    "BINSTRING": struct.pack("<I", 1) + b"x",
    "LONG4": struct.pack("<I", 1) + b"x",
    "SHORT_BINBYTES": b"\x01x",
    "SHORT_BINSTRING": b"\x01x",
    "SHORT_BINUNICODE": b"\x01x",
    "INT": b"1\n",
    "LONG": b"1L\n",
    "FLOAT": b"1.0\n",
    "STRING": b"'x'\n",
    "UNICODE": b"x\n",
    "PERSID": b"x\n",
    "GET": b"0\n",
    "PUT": b"0\n",
    "INST": b"attacks.canary\nsing\n",
    "EXT1": b"\x01",
    "EXT2": b"\x01\x00",
    "EXT4": b"\x01\x00\x00\x00",
    "FRAME": struct.pack("<Q", 1),
}
ALLOWED = {
    *pickle_data.VALUES,
    *pickle_data.CONSTANTS,
    *pickle_data.INSTRUCTIONS,
    "PROTO",
    "STOP",
}


def test_row_6_what_is_allowed_is_what_protocol_2_needs():
    """A new instruction in the list is a decision, and this the place to see it."""
    assert len(ALLOWED) == len(pickle_data.VALUES) + 7 + 17 + 2
    assert not ALLOWED & {"INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "STACK_GLOBAL"}
    assert max(pickletools.code2op[chr(c)].proto for c in _codes(ALLOWED)) == 2


def _codes(names: set[str]) -> list[int]:
    return [ord(opcode.code) for opcode in pickletools.opcodes if opcode.name in names]


@pytest.mark.parametrize(
    "opcode", [o for o in pickletools.opcodes if o.name not in ALLOWED], ids=lambda o: o.name
)
def test_row_6_an_instruction_that_is_not_allowed_is_refused(attack, opcode):
    instruction = BEFORE + opcode.code.encode("latin1") + ARGUMENTS.get(opcode.name, b"")
    content = victims.state(extra=instruction)
    path = attack.file(archives.zipped(content, victims.records()))

    message = attack.refused(victims.import_, path, said=NOT_READ)

    assert f"the instruction {opcode.name}" in message


@pytest.mark.parametrize("code", [c for c in range(256) if chr(c) not in pickletools.code2op])
def test_row_6_a_byte_that_is_no_instruction_is_refused(attack, code):
    content = victims.state() + bytes([code])

    attack.refused(victims.import_, attack.file(archives.zipped(content)), said=NOT_READ)


def test_row_10_attributes_of_a_dict_are_not_set(attack):
    """torch sets them; here they are nobody's."""
    attributes = table({"__class__": text("x"), "__len__": text("x"), "_metadata": text("x")})
    content = victims.state() + attributes + b"b"
    path = attack.file(archives.zipped(content, victims.records()))

    attack.survives(victims.import_, path)


@pytest.mark.parametrize(
    "content",
    [
        pickles.tensor("0", (2,)) + text("x") + text("y") + b"s",
        pickles.tensor("0", (2,)) + pickles.MARK + whole(0) + whole(1) + b"u",
        pickles.tensor("0", (2,)) + table({"data": text("x")}) + b"b",
        pickles.tensor("0", (2,)) + text("x") + b"a",
        pickles.storage("0", 2) + text("x") + text("y") + b"s",
        name("argparse", "Namespace") + b")\x81" + text("x") + text("y") + b"s",
        name("argparse", "Namespace") + b")\x81" + listed() + b"b",
        name("argparse", "Namespace") + table({"__class__": text("x")}) + b"b",
        listed() + text("x") + text("y") + b"s",
        b"}" + text("x") + b"a",
        text("x") + text("y") + b"a",
    ],
    ids=[
        "tensor-setitem",
        "tensor-setitems",
        "tensor-build",
        "tensor-append",
        "storage-setitem",
        "thing-setitem",
        "thing-of-a-list",
        "name-build",
        "list-setitem",
        "dict-append",
        "text-append",
    ],
)
def test_row_11_filling_what_is_no_dict_is_refused(attack, content):
    content = victims.state(extra=content)
    path = attack.file(archives.zipped(content, victims.records()))

    attack.refused(victims.import_, path, said=NOT_READ)


@pytest.mark.parametrize(
    "key",
    [
        nested(3),
        nested(10_000),
        listed(),
        b"}",
        pickles.real(0.5),
        NONE,
        pickles.tensor("0", (2,)),
    ],
    ids=["tuple", "deep", "list", "dict", "float", "none", "tensor"],
)
def test_row_11_a_key_that_is_no_text_is_refused(attack, key):
    path = attack.file(archives.zipped(table([(key, text("x"))]), victims.records()))

    attack.refused(victims.import_, path, said=NOT_READ)


def test_row_20_old_formats_are_read_as_data_or_refused(attack):
    """The one before that, a tar, is refused; see :mod:`.test_archives`."""
    big_endian = pickles.table({"little_endian": pickles.FALSE})
    honest = archives.legacy(victims.state(), victims.records())
    endian = table({"protocol_version": whole(1001), "little_endian": b"\x88"})

    for change in (
        honest.replace(endian, big_endian),
        honest.replace(endian, listed()),
        honest.replace(HEAD + whole(1001) + STOP, HEAD + whole(1002) + STOP),
        honest.replace(archives.LEGACY_MAGIC, archives.LEGACY_MAGIC[:-1] + b"\x1a"),
    ):
        assert change != honest
        attack.refused(victims.import_, attack.file(change), said=NOT_READ)


DEPTH = 200_000
DEEP = 20_000
"""Enough to end whoever recurses; the rest would only take time."""


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize(
    "deep",
    [nested(DEPTH), b"]" * DEPTH + b"a" * (DEPTH - 1), b"(" * DEPTH + b"t" * DEPTH],
    ids=["tuples", "lists", "marks"],
)
def test_row_21_what_is_nested_deeply_is_refused(attack, container, deep):
    path = attack.file(archives.CONTAINERS[container](victims.state(extra=deep), victims.records()))

    attack.refused(victims.import_, path, said=NOT_READ)


@pytest.mark.parametrize("deep", [nested(DEEP), pickles.laughs(64, text("ha"))], ids=["deep", "ha"])
@pytest.mark.parametrize("part", ["args", "kwargs", "training_args", "klass", "state"])
def test_row_21_nothing_of_a_package_is_compared_or_shown_in_depth(attack, part, deep):
    for value in (listed(deep), table({"sources": deep})):
        content = victims.package(**{part: value})
        path = attack.file(archives.zipped(content, victims.records()))
        if part == "training_args":
            attack.survives(victims.import_alone, path)
            victims.forget()
        else:
            attack.refused(victims.import_alone, path, error=IMPOSSIBLE)


LENGTHS = {
    "binunicode": b"X" + struct.pack("<I", 0xFFFFFFFF) + b"x",
    "binunicode8": b"\x8d" + struct.pack("<Q", 1 << 63) + b"x",
    "binunicode8-most": b"\x8d" + struct.pack("<Q", (1 << 64) - 1) + b"x",
    "binbytes8": b"\x8e" + struct.pack("<Q", 1 << 62) + b"x",
    "bytearray8": b"\x96" + struct.pack("<Q", 1 << 62) + b"x",
    "long4": b"\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x",
    "long4-negative": b"\x8b" + struct.pack("<i", -1) + b"x",
    "long1": b"\x8a\xff" + b"x",
    "binstring-negative": b"T" + struct.pack("<i", -1) + b"x",
    "binstring": b"T" + struct.pack("<i", 0x7FFFFFFF) + b"x",
    "frame": b"\x95" + struct.pack("<Q", (1 << 64) - 1),
    "decimal-long": b"L" + b"9" * 1_000_000 + b"L\n",
    "decimal-int": b"I" + b"9" * 1_000_000 + b"\n",
    "decimal-get": b"g" + b"9" * 1_000_000 + b"\n",
    "not-utf-8": b"X" + struct.pack("<I", 2) + b"\xff\xfe",
    "endless-line": b"c" + b"a" * 1_000_000,
    "proto-255": b"\x80\xff" + NONE,
    "memo-of-nothing": get((1 << 32) - 1),
    "memo-below": b"j" + struct.pack("<i", -1),
    "persistent-of-nothing": b"Q",
    "persistent-of-text": text("x") + b"Q",
    "persistent-of-an-empty-tuple": b")Q",
    "persistent-of-deep": entry(nested(DEEP)) + b"Q",
    "pop-mark": b"t",
    "tuple-of-a-mark": b"(\x85",
    "tuple-of-too-few": b"\x87",
    "reduce-of-nothing": b"R",
    "build-of-nothing": b"b",
    "odd-items": b"}(" + text("x") + b"u",
}


@pytest.mark.parametrize("lie", LENGTHS)
def test_row_22_what_claims_a_length_it_has_not_is_refused(attack, lie):
    for container in (archives.zipped, archives.legacy):
        path = attack.file(container(LENGTHS[lie]))
        attack.refused(victims.import_, path, said=NOT_READ)


def test_row_22_a_high_number_in_the_memo_costs_nothing(attack):
    content = victims.state() + put((1 << 32) - 1) + put(1 << 31) + get(1 << 31) + b"\x85"

    attack.refused(victims.import_, attack.file(archives.zipped(content)), said=NOT_READ)


def test_row_22_a_pickle_cut_short_anywhere_is_refused():
    whole_one = assembled(victims.package())
    for end in range(len(whole_one)):
        with pytest.raises(PickleError):
            _read(whole_one[:end])


def test_row_22_any_byte_of_a_pickle_exchanged_is_refused_or_read(attack):
    honest = assembled(victims.package())

    def flip() -> None:
        for at in range(0, len(honest), 2):
            for value in (0x28, 0x2E, honest[at] ^ 1):
                try:
                    _read(honest[:at] + bytes([value]) + honest[at + 1 :])
                except PickleError:
                    continue

    attack.survives(flip)


def _read(data: bytes) -> object:
    calls = {"torch._utils._rebuild_tensor_v2": lambda *_: object()}
    words = frozenset(STORAGES)
    return Reader(io.BytesIO(data), calls=calls, words=words, persistent=lambda _: object()).read()


MANY = 600_000

GROWING = {
    # a byte each
    "dicts": b"}" * MANY,
    "lists": b"]" * MANY,
    "marks": b"(" * MANY,
    "nothing-remembered": text("x") + b"".join(put(number) for number in range(100_000)),
    # a text said once, and made again and again
    "bytes-of-one-text": text("x" * 1_000_000)
    + put(1)
    + (name("_codecs", "encode") + b"(" + get(1) + text("latin1") + b"tR") * 2000,
    # a path that doubles with every step
    "a-path-of-itself": text("x" * 100)
    + put(1)
    + (name("pathlib", "PosixPath") + b"(" + get(1) + get(1) + b"tR" + put(1)) * 40,
    # text of what is small, and endless when it is told
    "a-fraction-of-laughs": call(name("fractions", "Fraction"), pickles.laughs(60, text("1"))),
    "a-fraction-of-depth": call(name("fractions", "Fraction"), nested(DEEP)),
    "a-fraction-of-digits": call(name("fractions", "Fraction"), text("1" * 1_000_000)),
    "a-path-of-depth": call(name("pathlib", "PosixPath"), nested(DEEP)),
    "a-dict-of-depth": call(name("collections", "OrderedDict"), nested(DEEP)),
    "a-dict-of-a-deep-list": call(name("collections", "OrderedDict"), listed(nested(DEEP))),
    # an object that is given many attributes, many times
    "attributes-again": table({str(number): NONE for number in range(50_000)})
    + put(1)
    + name("argparse", "Namespace")
    + b")\x81"
    + (get(1) + b"b") * 50_000,
    "things-with-attributes": table({str(number): NONE for number in range(50_000)})
    + put(1)
    + (name("argparse", "Namespace") + b")\x81" + get(1) + b"b") * 10_000,
    # numbers that all have one hash
    "keys-that-collide": table([(whole(k * ((1 << 61) - 1)), NONE) for k in range(1, 60_000)]),
    "keys-that-collide-below": table(
        [(whole(-k * ((1 << 61) - 1)), NONE) for k in range(1, 60_000)]
    ),
}


@pytest.mark.parametrize(
    ("container", "growth"),
    [
        *(("zip", growth) for growth in GROWING if growth != "lists"),
        *(("legacy", growth) for growth in ("dicts", "bytes-of-one-text", "keys-that-collide")),
        *(("compressed", growth) for growth in ("lists", "a-path-of-itself")),
    ],
)
def test_row_18_a_pickle_that_grows_is_refused(attack, container, growth):
    content = listed(GROWING[growth])
    path = attack.file(archives.CONTAINERS[container](content, victims.records()))

    attack.refused(victims.import_, path, said=NOT_READ)


@pytest.mark.parametrize(
    "content",
    [
        text("hi"),
        listed(pickles.tensor("0", (2,))),
        pickles.tensor("0", (2,)),
        whole(3),
        NONE,
        b"}",
        entry(),
        table({"state_dict": b"}"}),
        table({"state_dict": table({"x": NONE})}),
        table({"state": table({"x": table({})})}),
        table({"compressed": text("x")}),
        table({"compressed": pickles.octets(b"")}),
        table({"compressed": pickles.octets(b"\x00" * 100)}),
        table({"compressed": pickles.octets(zlib.compress(b"x"))}),
        table({"quantized": listed()}),
        entry(NONE, NONE, NONE, NONE),
        entry(name("demucs.model", "Demucs"), NONE, NONE, NONE),
        entry(name("torch", "FloatStorage"), entry(), b"}", victims.state()),
        name("demucs.model", "Demucs"),
    ],
    ids=lambda content: content[:20].hex(),
)
def test_row_24_what_is_not_tensors_by_name_is_refused(attack, content):
    path = attack.file(archives.zipped(content, victims.records()))

    attack.refused(victims.import_, path, error=IMPOSSIBLE)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapping", [None, "state_dict", "model_state_dict"])
def test_row_25_what_trainings_write_is_read_for_its_state_alone(attack, wrapping, prefix):
    tensors = {
        f"{prefix}{key}": pickles.tensor(str(number), shape)
        for number, (key, shape) in enumerate(victims.shapes().items())
    }
    content = table(tensors)
    if wrapping:
        rest = {"optimizer": table({"state": b"}"}), "epoch": whole(3), "ema": b"}"}
        content = table({wrapping: content, **rest})
    path = attack.file(archives.zipped(content, victims.records()))

    attack.survives(victims.import_, path)


@pytest.mark.parametrize(
    "key",
    ["a\nb", "\x1b[2J", "\u202e", "\ud800", "x" * 1_000_000, "'"],
    ids=lambda key: ascii(key)[:20],
)
def test_a_name_in_a_message_is_one_short_line(attack, key):
    """It could clear the terminal, or say something else on a line of its own."""
    contents = [
        table({key: pickles.tensor("0", (16,))}),
        victims.state(extra=pickles.tensor(key, (16,))),
        victims.state(extra=pickles.tensor("0", (16,), kind=key[:1000].replace("\n", " "))),
        victims.package(kwargs=table({key: whole(1)})),
        victims.package(kwargs=table({"sources": text(key)})),
        victims.package(kwargs=table({"depth": listed(text(key))})),
        victims.package(args=entry(text(key)), kwargs=b"}"),
    ]
    for content in contents:
        path = attack.file(archives.zipped(content, victims.records()))
    for content in contents:
        path = attack.file(archives.zipped(content, victims.records()))
        attack.refused(victims.import_, path, error=IMPOSSIBLE)
