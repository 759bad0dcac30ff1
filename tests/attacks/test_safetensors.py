"""Rows 26 to 32: safetensors, which say in words what the tensors are of."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import pytest

from attacks import safetensors_files, victims
from attacks.safetensors_files import assemble, entries, file, honest_tensors, native
from unmixcli.errors import ConfigError, WeightsError
from unmixcli.weights import checkpoint
from unmixcli.weights.registry import architectures

NOT_OURS = "is not a file of unmixcli weights"
BIAS = "encoder.0.0.bias"


def refused(attack, data, said=NOT_OURS):
    return attack.refused(victims.load, attack.file(data, "hostile.safetensors"), said=said)


def refused_everywhere(attack, data):
    """Refused as a model's file, and to be imported, with and without being told what it is."""
    path = attack.file(data, "hostile.safetensors")
    attack.refused(victims.load, path)
    attack.refused(victims.import_, path, error=(WeightsError, ConfigError))
    attack.refused(victims.import_alone, path, error=(WeightsError, ConfigError))


def test_what_attacks_start_from_is_taken_when_it_is_honest(attack):
    path = attack.file(safetensors_files.honest(), "honest.safetensors")

    [network] = attack.survives(victims.load, path).networks

    assert victims.is_intact(network.state_dict())
    attack.survives(victims.import_alone, path)


SAID, BODY = entries(honest_tensors())
KEY = "unmixcli"
METADATA = {KEY: json.dumps(victims.native_header())}


def headed(changes: dict[str, Any], body: bytes = BODY) -> bytes:
    """An honest file some of whose entries are others."""
    said = {"__metadata__": METADATA, **SAID, **changes}
    return assemble(json.dumps({key: value for key, value in said.items() if value}), body)


def placed(
    begin: int, end: int, shape: list[int] | None = None, dtype: str = "F32"
) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [2] if shape is None else shape, "data_offsets": [begin, end]}


BEGIN, END = SAID[BIAS]["data_offsets"]
SIZE = len(BODY)

FORGED = {
    "26-empty": b"",
    "26-seven-bytes": bytes(7),
    "26-eight-zeros": bytes(8),
    "26-header-of-2^63": assemble(b"{}", length=1 << 63),
    "26-header-of-2^64": assemble(b"{}", length=(1 << 64) - 1),
    "26-header-beyond-the-file": assemble(b"{}", length=3),
    "26-header-that-is-cut": assemble(b'{"a":', b""),
    "26-header-of-blanks": assemble(b"{" + b" " * (5 << 20) + b"}"),
    "26-header-of-a-list": assemble(b"[]"),
    "26-header-of-text": assemble(b'"x"'),
    "26-header-that-is-not-utf-8": assemble(b'{"\xff\xfe":{}}'),
    "26-header-of-nul": assemble(b"{\0}"),
    "26-header-with-a-mark": assemble(b"\xef\xbb\xbf{}"),
    "26-nested-100000": assemble(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "26-lists-100000": assemble(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "26-overlap": headed({BIAS: placed(BEGIN - 4, END)}),
    "26-hole": headed({BIAS: placed(BEGIN + 4, END, [1])}),
    "26-two-in-one-place": headed({"extra": placed(BEGIN, END)}),
    "26-overflow": headed({BIAS: placed(BEGIN, (1 << 64) - 1)}),
    "26-beyond-64-bits": headed({BIAS: placed(BEGIN, 1 << 64)}),
    "26-backwards": headed({BIAS: placed(END, BEGIN)}),
    "26-negative": headed({BIAS: placed(-4, 4)}),
    "26-shape-negative": headed({BIAS: placed(BEGIN, END, [-2])}),
    "26-shape-of-fractions": headed({BIAS: placed(BEGIN, END, [2.0])}),
    "26-shape-overflowing": headed({BIAS: placed(BEGIN, END, [1 << 62, 8])}),
    "26-shape-larger": headed({BIAS: placed(BEGIN, END, [3])}),
    "26-unknown-type": headed({BIAS: placed(BEGIN, END, [2], "F99")}),
    "26-type-of-half-a-byte": headed({BIAS: placed(BEGIN, END, [16], "F4")}),
    "26-no-type": headed({BIAS: {"shape": [2], "data_offsets": [BEGIN, END]}}),
    "26-one-offset": headed({BIAS: placed(BEGIN, END) | {"data_offsets": [BEGIN]}}),
    "26-a-tensor-of-text": headed({BIAS: "x"}),
    "26-truncated": headed({})[:-1],
    "26-trailing-junk": headed({}) + b"x",
    "26-metadata-of-numbers": headed({"__metadata__": {KEY: 3}}),
    "26-metadata-nested": headed({"__metadata__": {KEY: {}}}),
    "26-metadata-text": headed({"__metadata__": "x"}),
    "27-a-name-twice": assemble(
        json.dumps({"__metadata__": METADATA, **SAID})[:-1]
        + f', "{BIAS}": {json.dumps(SAID[BIAS])}}}',
        BODY,
    ),
    "27-metadata-twice": assemble(
        '{"__metadata__": {"a": "b"}, ' + json.dumps({"__metadata__": METADATA, **SAID})[1:], BODY
    ),
    "27-a-key-of-the-metadata-twice": assemble(
        '{"__metadata__": {"unmixcli": "{}", '
        + f"{json.dumps(METADATA)[1:]}, {json.dumps(SAID)[1:]}",
        BODY,
    ),
    "28-none-of-2^40": headed({"extra": placed(SIZE, SIZE, [1 << 40, 0])}),
    "28-none-of-2^126": headed({"extra": placed(SIZE, SIZE, [0, 1 << 63, 1 << 63])}),
    "28-none-of-2^63": headed({"extra": placed(SIZE, SIZE, [1 << 63, 0])}),
    "28-bias-of-none": headed({BIAS: placed(BEGIN, END), "extra": placed(0, 0, [0, 1 << 40])}),
    "28-a-million-dimensions": headed({BIAS: placed(BEGIN, END, [2] + [1] * 100_000)}),
    "28-a-hundred-dimensions": headed({BIAS: placed(BEGIN, END, [2] + [1] * 100)}),
    "28-many-of-none": headed({f"x{n}": placed(0, 0, [0]) for n in range(3000)}),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_rows_26_to_28_a_file_that_is_damaged_is_refused(attack, forgery):
    refused_everywhere(attack, FORGED[forgery])


@pytest.mark.parametrize("length", [101 << 20, 200 << 20])
def test_row_26_a_header_of_200_megabytes_is_refused_before_it_is_parsed(attack, length):
    path = attack.folder / "hostile.safetensors"
    with path.open("wb") as out:
        out.write(struct.pack("<Q", length) + b'{"a":"')
        out.truncate(length + 8)  # a hole in the disk, too

    attack.refused(victims.load, path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize(("dtype", "form"), [("F32", "<f"), ("F16", "<e"), ("F64", "<d")])
def test_row_29_weights_that_are_not_finite_are_refused(attack, dtype, form, value):
    tensors = honest_tensors() | {BIAS: (dtype, (2,), struct.pack(form, value) * 2)}

    refused(attack, native(victims.native_header(), tensors), f"not finite in '{BIAS}'")


def test_row_29_a_number_that_float32_cannot_hold_is_refused(attack):
    tensors = honest_tensors() | {BIAS: ("F64", (2,), struct.pack("<2d", 1e300, 1))}

    refused(attack, native(victims.native_header(), tensors), f"not finite in '{BIAS}'")


TYPES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "U16": 2,
    "I32": 4,
    "U32": 4,
    "I64": 8,
    "U64": 8,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    "BF16": 2,
    "C64": 8,
}


@pytest.mark.parametrize("dtype", TYPES)
def test_row_34_other_types_are_refused_or_become_float32(attack, dtype):
    tensors = honest_tensors() | {BIAS: (dtype, (2,), bytes(2 * TYPES[dtype]))}
    path = attack.file(native(victims.native_header(), tensors), "hostile.safetensors")

    if not dtype.startswith(("F8", "BF16")):
        attack.refused(victims.load, path, said=BIAS)
        return
    try:
        [network] = attack.survives(victims.load, path).networks
    except WeightsError:
        assert dtype == "F8_E8M0"  # only newer libraries know it
    else:
        assert {str(weight.dtype) for weight in network.state_dict().values()} == {"torch.float32"}


def test_row_33_weights_of_another_architecture_are_refused(attack):
    config = {"sources": ["a", "b"], "sample_rate": 8000, "channels": 1}
    header = victims.native_header(architecture="conv_tasnet", config=config)

    message = refused(attack, native(header, honest_tensors()), "does not fit its architecture")

    assert "is missing" in message


CODE = ("os.system", "builtins.eval", "attacks.canary.sing", "subprocess.Popen", "torch.load")


@pytest.mark.parametrize("word", CODE)
def test_row_30_metadata_never_choose_code(attack, word):
    header = victims.native_header
    for data in (
        file(honest_tensors(), {"klass": word, "args": '["exit 1"]', "kwargs": "{}"}),
        file(honest_tensors(), {"klass": word, "args": "[]", "kwargs": "{}", "structure": "{}"}),
        native(header(architecture=word), honest_tensors()),
        native(header(architecture=f"../{word}"), honest_tensors()),
        native(header(architecture=f"demucs.{word}"), honest_tensors()),
        native(header(config=victims.CONFIG | {"klass": word}), honest_tensors()),
        native(header(klass=word, architecture="__init__"), honest_tensors()),
        native(header(inference={"segment": 8000, "tail": word}), honest_tensors()),
        native(header(inference={"segment": 8000, word: 1}), honest_tensors()),
    ):
        refused_everywhere(attack, data)


DEMUCS = {"klass": "demucs.demucs.Demucs", "args": "[]", "kwargs": "{}"}
FRACTION = '{"segment": {"_type": "fraction", "numerator": %s, "denominator": %s}}'
DEEP = '{"_list": [' * 50 + "1" + "]}" * 50

FOREIGN = {
    "30-no-args": {"klass": "demucs.demucs.Demucs"},
    "30-args-of-text": DEMUCS | {"args": '"x"'},
    "30-args-that-are-no-json": DEMUCS | {"args": "os.system"},
    "30-kwargs-of-a-list": DEMUCS | {"kwargs": "[]"},
    "30-args-nested": DEMUCS | {"args": "[" * 100_000 + "]" * 100_000},
    "30-klass-with-a-line-break": {"klass": "a\nb", "args": "[]", "kwargs": "{}"},
    "32-fraction-1-0": DEMUCS | {"kwargs": FRACTION % (1, 0)},
    "32-fraction-of-infinity": DEMUCS | {"kwargs": FRACTION % ("Infinity", 1)},
    "32-fraction-of-nan": DEMUCS | {"kwargs": FRACTION % ("NaN", 1)},
    "32-fraction-of-text": DEMUCS | {"kwargs": FRACTION % ('"x"', 1)},
    "32-fraction-of-lists": DEMUCS | {"kwargs": FRACTION % ("[]", "[]")},
    "32-fraction-of-digits": DEMUCS | {"kwargs": FRACTION % ("9" * 4000, "7" * 4000)},
    "32-fraction-of-less": DEMUCS | {"kwargs": '{"x": {"_type": "fraction"}}'},
    "structure-text": DEMUCS | {"structure": '"x"'},
    "structure-a-number": DEMUCS | {"structure": "3"},
    "structure-a-list": DEMUCS | {"structure": '{"_list": []}'},
    "structure-empty": DEMUCS | {"structure": '{"_dict": []}'},
    "structure-deep": DEMUCS | {"structure": DEEP},
    "structure-nested-100000": DEMUCS | {"structure": "[" * 100_000 + "]" * 100_000},
    "structure-of-no-tensor": DEMUCS | {"structure": '{"_tensor": "absent"}'},
    "structure-of-a-class": DEMUCS | {"structure": '{"_class": "os.system"}'},
    "structure-klass": DEMUCS
    | {
        "structure": '{"_dict": [["quantized", {"_list": []}], ["others", {"_list": []}], '
        '["meta", {"_dict": [["klass", {"_class": "os.sys\\ntem"}]]}]]}'
    },
    "structure-klass-text": DEMUCS
    | {"structure": '{"_dict": [["quantized", 1], ["meta", {"_dict": [["klass", "os.system"]]}]]}'},
    "structure-of-pairs-that-are-none": DEMUCS | {"structure": '{"_dict": [[1, 2, 3]]}'},
    "structure-of-two-kinds": DEMUCS | {"structure": '{"_list": [], "_dict": []}'},
}


@pytest.mark.parametrize("lie", FOREIGN)
def test_rows_30_and_32_metadata_of_demucs_that_lie_are_refused(attack, lie):
    refused_everywhere(attack, file(honest_tensors(), FOREIGN[lie]))


# Rows 31 and 32: configurations.

CONFIGS: dict[str, Any] = {
    "31-channels-10^5": {"channels": 10**5},
    "31-width-10^9": {"width": 10**9},
    "31-width-2^63": {"width": 1 << 63},
    "31-width-of-digits": {"width": int("9" * 4000)},
    "31-depth-10^9": {"depth": 10**9},
    "31-growth-10^9": {"growth": 10**9},
    "31-lstm-layers": {"lstm_layers": 10**6},
    "31-all-at-their-most": {"width": 1024, "depth": 10, "growth": 4, "kernel_size": 64},
    "31-sources-10^6": {"sources": [f"s{n}" for n in range(200_000)]},
    "31-a-long-source": {"sources": ["a", "x" * 1_000_000]},
    "32-sources-text": {"sources": "vocals"},
    "32-sources-twice": {"sources": ["a", "a"]},
    "32-sources-none": {"sources": []},
    "32-sources-of-numbers": {"sources": [1, 2]},
    "32-sources-of-lists": {"sources": [["a"], ["b"]]},
    "32-sources-null": {"sources": None},
    "32-sources-a-table": {"sources": {"a": 1}},
    "32-source-outside": {"sources": ["a", "../../x"]},
    "32-source-absolute": {"sources": ["a", "/tmp/x"]},
    "32-source-of-windows": {"sources": ["a", "..\\x"]},
    "32-source-device": {"sources": ["a", "CON"]},
    "32-source-device-with-suffix": {"sources": ["a", "nul.x"]},
    "32-source-hidden": {"sources": ["a", ".x"]},
    "32-source-empty": {"sources": ["a", ""]},
    "32-source-blank": {"sources": ["a", " "]},
    "32-source-with-nul": {"sources": ["a", "x\0"]},
    "32-source-with-a-line-break": {"sources": ["a", "x\ny"]},
    "32-source-that-turns-round": {"sources": ["a", "x\u202ey"]},
    "32-source-of-half-a-character": {"sources": ["a", "\ud800"]},
    "32-negative": {"width": -2},
    "32-nan": {"growth": float("nan")},
    "32-infinity": {"growth": float("inf")},
    "32-text": {"width": "2"},
    "32-true": {"width": True},
    "32-a-fraction": {"width": 2.5},
    "32-null": {"width": None},
    "32-a-list": {"width": [2]},
    "32-a-table": {"width": {"_type": "fraction", "numerator": 1, "denominator": 0}},
    "32-sample-rate-0": {"sample_rate": 0},
    "32-unknown-key": {"os.system": "exit 1"},
    "32-unknown-key-with-a-line-break": {"a\nb": 1},
    "32-unknown-key-that-is-long": {"x" * 1_000_000: 1},
    "32-private-key": {"__class__": "x"},
    "32-nested": {"width": [[[[[]]]]]},
    "32-text-that-is-long": {"width": "x" * 1_000_000},
}


@pytest.mark.parametrize("lie", CONFIGS)
def test_rows_31_and_32_a_configuration_out_of_bounds_is_refused(attack, lie):
    config = victims.CONFIG | CONFIGS[lie]
    refused(attack, native(victims.native_header(config=config), honest_tensors()), "")

    told = json.dumps(config)
    path = attack.file(file(honest_tensors()), "hostile.safetensors")
    impossible = (WeightsError, ConfigError)
    attack.refused(victims.import_, path, config=told, error=impossible)


@pytest.mark.parametrize("config", [None, [], "demucs", 3, {}, [["sources", ["a"]]]], ids=str)
def test_row_32_a_configuration_that_is_no_table_is_refused(attack, config):
    refused(attack, native(victims.native_header(config=config), honest_tensors()))


LARGEST_HARMONIC = {
    "channels": 2,
    "n_fft": 32_768,
    "hop": 1024,
    "octaves": 12.0,
    "per_octave": 240,
    "lowest": 1.0,
    "widths": [512] * 8,
    "blocks": [8] * 8,
}
LARGEST: dict[str, dict[str, Any]] = {
    "demucs": {"width": 8, "depth": 8, "lstm_layers": 2, "sources": [f"s{n}" for n in range(128)]},
    "conv_tasnet": {"blocks": 16, "repeats": 8, "hidden": 4096, "bottleneck": 200},
    "wave_u_net": {"depth": 16, "width": 100, "sources": [f"s{n}" for n in range(128)]},
    "conditioned_wave_u_net": {"depth": 16, "width": 30},
    "tdc_u_net": {"layers": 32, "depth": 10, "growth": 8, "n_fft": 32_768, "hop": 1024},
    "band_split_rnn": {"channels": 2, "layers": 32, "n_fft": 32_768, "hop": 1024},
    "harmonic_u_net": LARGEST_HARMONIC,
    "conditioned_harmonic_u_net": LARGEST_HARMONIC,
    "wavenet": {"stacks": 8, "dilations": [1] * 32, "residual": 350},
}


@pytest.mark.parametrize("name", architectures())
def test_row_31_the_largest_network_costs_nothing_until_its_weights_are_here(attack, name):
    """What its bounds allow is built without memory, and then compared with what is there."""
    config = {"sources": ["a", "b"], "sample_rate": 44_100, "channels": 1} | LARGEST.get(name, {})
    header = victims.native_header(architecture=name, config=config)

    refused(attack, native(header, honest_tensors()), "does not fit its architecture")


HEADERS: dict[str, Any] = {
    "schema-2": victims.native_header(schema=2),
    "schema-a-list": victims.native_header(schema=[1] * 1000),
    "architecture-a-list": victims.native_header(architecture=["demucs"]),
    "architecture-with-a-line-break": victims.native_header(architecture="a\nb"),
    "architecture-that-is-long": victims.native_header(architecture="x" * 100_000),
    "architecture-private": victims.native_header(architecture="__init__"),
    "architecture-null": victims.native_header(architecture=None),
    "inference-null": victims.native_header(inference=None),
    "inference-a-list": victims.native_header(inference=[[]]),
    "inference-a-number": victims.native_header(inference=3),
    "inference-empty": victims.native_header(inference={}),
    "inference-key-with-a-line-break": victims.native_header(inference={"segment": 1, "a\nb": 1}),
    "segment-2^60": victims.native_header(inference={"segment": 1 << 60}),
    "segment-nan": victims.native_header(inference={"segment": float("nan")}),
    "overlap-nan": victims.native_header(inference={"segment": 1, "overlap": float("nan")}),
    "overlap-1": victims.native_header(inference={"segment": 1, "overlap": 1}),
    "overlap-text": victims.native_header(inference={"segment": 1, "overlap": "x" * 10_000}),
    "power-infinite": victims.native_header(inference={"segment": 1, "power": float("inf")}),
    "shifts-without-a-shift": victims.native_header(inference={"segment": 1, "shifts": 10}),
    "licence-missing": {k: v for k, v in victims.native_header().items() if k != "licence"},
    "licence-with-a-line-break": victims.native_header(licence="MIT\nerror: x"),
    "licence-that-is-long": victims.native_header(licence="x" * 100_000),
    "licence-a-list": victims.native_header(licence=["M\nIT"] * 100),
    "licence-escape": victims.native_header(licence="\x1b[2J"),
    "provenance-missing": {k: v for k, v in victims.native_header().items() if k != "provenance"},
    "text": "x",
    "nothing": "",
    "null": "null",
    "a-list": "[]",
    "a-number": "3",
    "nested": '{"schema": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "nested-config": '{"schema": 1, "architecture": "demucs", "config": %s}'
    % ("[" * 100_000 + "]" * 100_000),
    "digits": '{"schema": %s}' % ("9" * 10_000),
}


@pytest.mark.parametrize("lie", HEADERS)
def test_row_32_a_header_of_ours_that_lies_is_refused(attack, lie):
    data = native(HEADERS[lie], honest_tensors())

    refused(attack, data)
    attack.refused(victims.import_alone, attack.file(data, "hostile.safetensors"))


SCHEDULES = {
    "segment-of-a-day": {"segment": 8000 * 86_400},
    "segment-2^39": {"segment": 1 << 39},
    "margin-2^39": {"segment": 8000, "margin": 1 << 39},
    "origin-2^39": {"segment": 8000, "origin": 1 << 39},
    "max-shift-2^39": {"segment": 8000, "max_shift": 1 << 39},
    "shifts-10^6": {"segment": 8000, "max_shift": 8000, "shifts": 10**6},
}


@pytest.mark.parametrize("lie", SCHEDULES)
def test_row_32_a_schedule_that_no_computer_could_follow_is_refused(attack, lie):
    """It is the default of whoever names the file; memory and days would go before an error."""
    header = victims.native_header(inference=SCHEDULES[lie])

    refused(attack, native(header, honest_tensors()), "nobody cuts a track")


def test_what_is_said_for_people_is_one_line(attack):
    header = victims.native_header(provenance="by\nme \x1b[2J" + "x" * 100_000)
    path = attack.file(native(header, honest_tensors()), "hostile.safetensors")

    attack.survives(victims.load, path)

    assert attack.survives(victims.import_alone, path).summary.isprintable()


NAMES = ["a\nb", "\x1b[2J", "\u202e", "\ud800", "x" * 1_000_000, ""]


@pytest.mark.parametrize("key", NAMES, ids=lambda key: ascii(key)[:20])
def test_a_name_in_a_message_is_one_short_line(attack, key):
    extra = {key: ("F32", (1,), bytes(4))}
    for data in (
        native(victims.native_header(), honest_tensors() | extra),
        native(victims.native_header(quantised={key: {}}), honest_tensors()),
        file(honest_tensors() | extra),
        headed({key: placed(BEGIN, END)}),
        headed({key: placed(SIZE, SIZE + 4, [1 << 62, 8])}),
    ):
        path = attack.file(data, "hostile.safetensors")
        attack.refused(victims.load, path)
        attack.refused(victims.import_, path)


# Rows 22 and 36.

SMALL = safetensors_files.honest()


def test_row_22_a_file_cut_short_anywhere_is_refused(attack):
    def cut() -> None:
        for end in range(len(SMALL)):
            path = attack.file(SMALL[:end], "hostile.safetensors")
            try:
                checkpoint.load(path)
            except WeightsError:
                continue
            raise AssertionError(f"{end} of {len(SMALL)} bytes were enough")

    attack.survives(cut)


def test_row_36_any_byte_exchanged_is_refused_or_changes_nothing_but_numbers(attack):
    """The format has no checksum: that is what the manifest's hash is for."""
    chance = random.Random(0)
    start = len(SMALL) - SIZE

    def flip() -> None:
        for turn in range(400):
            changed = bytearray(SMALL)
            at = chance.randrange(len(SMALL) if turn % 2 else start)
            changed[at] ^= 1 << chance.randrange(8)
            try:
                model = victims.load(attack.file(bytes(changed), "hostile.safetensors"))
            except WeightsError:
                continue
            [network] = model.networks
            assert {k: tuple(w.shape) for k, w in network.state_dict().items()} == victims.shapes()
            assert victims.is_intact(network.state_dict()) or at >= start

    attack.survives(flip)
