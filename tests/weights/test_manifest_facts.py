"""The manifest says what was published, and nothing else.

``published_files.csv`` beside this file is a transcription of its own: what is known of
every published file of weights. The manifest is held against it, and it is held against
the collected facts where they lie beside the checkout.
"""

from __future__ import annotations

import copy
import csv
import json
import sys
from collections import Counter
from dataclasses import fields
from itertools import pairwise

import pytest
from jsonschema import Draft202012Validator

from places import ROOT, SHARED
from unmixcli.schedule import Schedule
from unmixcli.weights import published

DOCUMENT = json.loads((ROOT / "weights_manifest.json").read_text(encoding="utf-8"))
ENTRIES = {entry["name"]: entry for entry in DOCUMENT["models"]}
SCHEMA = json.loads(
    (ROOT / "src/unmixcli/weights/weights_manifest.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)
with (ROOT / "tests/weights/published_files.csv").open(newline="", encoding="utf-8") as table:
    TABLE = list(csv.DictReader(table))
PAGE = ROOT / "docs/weights/manifest.md"
CANDIDATES = SHARED / "facts/weights_candidates.json"
COUNTS = SHARED / "golden/param_counts.json"

HASHES = ("sha256", "sha256_prefix", "sha512", "git_blob_sha1")
STEMS = ["drums", "bass", "other", "vocals"]
BAGS = [
    *("htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi"),
    *("mdx", "mdx_extra", "mdx_q", "mdx_extra_q"),
    *("repro_mdx_a", "repro_mdx_a_hybrid_only", "repro_mdx_a_time_only"),
]
VERSION_2 = [
    *("demucs", "demucs_extra", "demucs48_hq", "demucs_quantized"),
    *("tasnet", "tasnet_extra", "demucs_unittest"),
]
MDX_SHARES = [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 1], [1, 0, 1, 1]]
IDENTITY = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def copies(entry):
    """Return every file of a model, each alternative after what it stands in for."""
    return [
        found
        for member in entry["members"]
        for file in member["files"]
        for found in (file, *file["alternatives"])
    ]


def members():
    return [(name, member) for name, entry in ENTRIES.items() for member in entry["members"]]


def base_name(file):
    return file["path"].partition("?")[0].rpartition("/")[2]


def as_row(file, licence):
    """Return what the table says of a file, going by the manifest."""
    hub = file["kind"] == "hub"
    values = {
        "file": base_name(file),
        "address": None if hub else file["path"],
        "repo": file["repo"],
        "revision": file["revision"],
        "size": file["size"],
        **{key: file[key] for key in HASHES},
        "licence": licence,
    }
    return {key: "" if value is None else str(value) for key, value in values.items()}


def place(row):
    return row["address"] or f"{row['repo']}@{row['revision']}/{row['file']}"


# --- the form


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_follows_the_schema(name):
    errors = VALIDATOR.iter_errors({**DOCUMENT, "models": [ENTRIES[name]]})

    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_the_schema_knows_every_field_of_a_schedule():
    assert list(SCHEMA["$defs"]["schedule"]["properties"]) == [
        field.name for field in fields(Schedule)
    ]


def objects(value, path=()):
    """Yield where every object lies whose keys are fixed."""
    if isinstance(value, dict):
        if not {"options", "values"} & set(path):
            yield path
        for key, inner in value.items():
            yield from objects(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from objects(inner, (*path, index))


def at(document, path):
    for key in path:
        document = document[key]
    return document


@pytest.mark.parametrize("name", ["mini", "demucs", "htdemucs"])
def test_a_key_that_nobody_declared_is_refused_wherever_it_is(name):
    document = {**DOCUMENT, "models": [ENTRIES[name]]}

    for path in objects(document):
        spoilt = copy.deepcopy(document)
        at(spoilt, path)["trust_me"] = 1
        assert not VALIDATOR.is_valid(spoilt), path


@pytest.mark.parametrize("name", ["mini", "demucs", "htdemucs"])
def test_every_key_is_always_there(name):
    document = {**DOCUMENT, "models": [ENTRIES[name]]}

    for path in objects(document):
        for key in at(document, path):
            spoilt = copy.deepcopy(document)
            del at(spoilt, path)[key]
            assert not VALIDATOR.is_valid(spoilt), (*path, key)


FILE = ("members", 0, "files", 0)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("mini", ("name",), "Mini"),
        ("mini", ("name",), "a" * 65),
        ("mini", ("aliases",), ["two words"]),
        ("mini", ("summary",), "two\nlines"),
        ("mini", ("sources",), []),
        ("mini", ("sample_rate",), 0),
        ("mini", ("inference", "overlap"), 1),
        ("mini", ("inference", "segment"), 0),
        ("mini", ("inference", "tail"), "cut"),
        ("mini", ("parameters",), 1.5),
        ("mini", ("licence", "spdx"), "not-stated"),
        ("mini", (*FILE, "path"), "../mini.safetensors"),
        ("mini", (*FILE, "sha256"), None),
        ("mini", (*FILE, "sha256"), "F" * 64),
        ("mini", (*FILE, "sha256_prefix"), "fbed26c8"),
        ("mini", (*FILE, "size"), -1),
        ("mini", (*FILE, "format"), "pickle"),
        ("demucs", ("inference", "max_shift"), -1),
        ("demucs", (*FILE, "path"), "http://example.org/demucs.th"),
        ("demucs", (*FILE, "path"), "https://user@example.org/demucs.th"),
        ("demucs", (*FILE, "sha256_prefix"), None),
        ("demucs", ("licence", "source"), None),
        ("htdemucs", ("inference", "max_shift"), 0),
        ("htdemucs", (*FILE, "revision"), "main"),
        ("htdemucs", (*FILE, "revision"), None),
        ("htdemucs", (*FILE, "path"), "../../955717e8.safetensors"),
        ("htdemucs", (*FILE, "alternatives", 0, "sha256"), None),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(name, path, value):
    document = copy.deepcopy({**DOCUMENT, "models": [ENTRIES[name]]})
    at(document["models"][0], path[:-1])[path[-1]] = value

    assert not VALIDATOR.is_valid(document)


# --- what the form cannot say


def test_a_name_means_one_model_however_it_is_written():
    names = [
        name.casefold()
        for entry in DOCUMENT["models"]
        for name in (entry["name"], *entry["aliases"])
    ]

    assert [name for name, times in Counter(names).items() if times > 1] == []


@pytest.mark.parametrize("name", ENTRIES)
def test_the_parts_of_an_entry_fit_each_other(name):
    entry = ENTRIES[name]

    for member in entry["members"]:
        assert member["shares"] is None or len(member["shares"]) == len(entry["sources"])
        parts = [file["part"] for file in member["files"]]
        assert parts in ([None], entry["sources"])
        options = (member["constructor"] or {}).get("options", {})
        assert options.get("sources", entry["sources"]) == entry["sources"]
        for file in member["files"]:
            assert {other["part"] for other in file["alternatives"]} <= {file["part"]}
    for score in entry["scores"]:
        assert set(score["values"]) <= {"all", *entry["sources"]}
    if entry["inference"] is not None:
        assert Schedule.from_json(entry["inference"]).to_json() == entry["inference"]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_quote_is_a_quote(name):
    note = ENTRIES[name]["licence"]["note"]

    assert note is None or note.count('"') in (2, 4)


def translated(entry):
    """Return the constructor calls of a model that are understood here."""
    calls = [member["constructor"] for member in entry["members"] if member["constructor"]]
    return [call for call in calls if (call["system"], call["class"]) in published.CONSTRUCTORS]


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if translated(entry)])
def test_a_published_constructor_means_what_its_entry_says(name):
    entry = ENTRIES[name]

    for call in translated(entry):
        meant = published.translate(call["system"], call["class"], call["options"])
        assert meant.architecture == entry["architecture"]
        assert list(meant.config.sources) == entry["sources"]
        assert meant.config.sample_rate == entry["sample_rate"]
        assert meant.config.channels == entry["channels"]
        assert entry["inference"] in (None, meant.schedule.to_json())


EXCESS = 300_000
"""More bytes than the names, shapes and running means of any of these files take."""
BYTES = {"native": 2, "demucs-package": 2, "demucs-safetensors": 2, "torch-state": 4}
"""Of a weight, by format; a quantised package is smaller."""


def whole(entry):
    """Return the sets of files that each hold all of a network, where their size is known."""
    ways = [
        parts
        for member in entry["members"]
        for parts in zip(*([f, *f["alternatives"]] for f in member["files"]), strict=True)
    ]
    return [
        parts
        for parts in ways
        if parts[0]["format"] in BYTES and None not in [part["size"] for part in parts]
    ]


@pytest.mark.parametrize(
    "name", [name for name, entry in ENTRIES.items() if entry["parameters"] and whole(entry)]
)
def test_a_file_is_as_large_as_its_weights_and_little_more(name):
    entry = ENTRIES[name]

    for parts in whole(entry):
        weights = BYTES[parts[0]["format"]] * entry["parameters"]
        assert 0 < sum(part["size"] for part in parts) - weights < EXCESS


# --- the table of published files


def test_the_table_has_a_row_for_a_file():
    assert [where for where, n in Counter(map(place, TABLE)).items() if n > 1] == []
    for row in TABLE:
        assert bool(row["address"]) != bool(row["repo"])
        assert bool(row["repo"]) == bool(row["revision"])
        assert not (row["sha256"] and row["sha256_prefix"])


@pytest.mark.parametrize("name", ENTRIES)
def test_every_file_is_in_the_table_with_the_same_facts(name):
    entry = ENTRIES[name]
    rows = {place(row): row for row in TABLE}

    for file in copies(entry):
        if file["kind"] != "bundled":
            said = as_row(file, entry["licence"]["spdx"])
            assert said == rows.get(place(said))


def test_every_row_of_the_table_is_somebodys_file():
    used = {
        place(as_row(file, entry["licence"]["spdx"]))
        for entry in ENTRIES.values()
        for file in copies(entry)
    }

    assert [place(row) for row in TABLE if place(row) not in used] == []


def test_a_hash_is_a_whole_hash():
    lengths = {"sha256": 64, "sha512": 128, "git_blob_sha1": 40, "revision": 40}

    for row in TABLE:
        for key, length in lengths.items():
            assert len(row[key]) in (0, length)
            assert set(row[key]) <= set("0123456789abcdef")


def test_only_a_file_of_which_no_hash_is_published_is_got_by_hand():
    for name in ENTRIES:
        for file in copies(ENTRIES[name]):
            assert (file["kind"] == "manual") == (not any(file[key] for key in HASHES))


def test_the_same_hash_is_the_same_file():
    for first, second in pairwise(sorted(TABLE, key=lambda row: row["sha256"])):
        if first["sha256"] and first["sha256"] == second["sha256"]:
            assert first["size"] == second["size"]


# --- what the authors did


@pytest.mark.parametrize("name", VERSION_2)
def test_demucs_second_version_names_files_by_their_hash(name):
    [file] = copies(ENTRIES[name])
    begun, _, prefix = base_name(file).removesuffix(".th").rpartition("-")

    assert begun == name
    assert file["sha256_prefix"] == prefix


def test_the_bags_of_demucs_hold_27_networks():
    legacy = {
        file["path"]: file["sha256"]
        for name in BAGS
        for file in copies(ENTRIES[name])
        if file["path"].endswith(".th")
    }

    assert len(BAGS) == 11
    assert len(legacy) == 27
    for path, sha256 in legacy.items():
        signature, _, prefix = path.rpartition("/")[2].removesuffix(".th").partition("-")
        assert len(signature) == len(prefix) == 8
        assert sha256.startswith(prefix)


def test_a_bag_of_one_is_known_by_the_signature_of_its_network():
    for name in BAGS:
        signatures = {base_name(file)[:8] for file in copies(ENTRIES[name])}
        if len(ENTRIES[name]["members"]) == 1:
            assert signatures <= set(ENTRIES[name]["aliases"])
        else:
            assert not signatures & set(ENTRIES[name]["aliases"])


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry["members"][1:]])
def test_the_members_of_a_bag_share_as_published(name):
    shares = {"htdemucs_ft": IDENTITY, "mdx": MDX_SHARES, "mdx_q": MDX_SHARES}
    said = [member["shares"] for member in ENTRIES[name]["members"]]

    assert said == shares.get(name, [None] * len(said))
    if name in shares:
        assert ENTRIES[name]["sources"] == STEMS


def test_safetensors_come_before_pickles():
    for _, member in members():
        for file in member["files"]:
            formats = [file["format"], *(other["format"] for other in file["alternatives"])]
            assert "demucs-safetensors" not in formats[1:]


def test_who_has_trained_on_the_test_set_says_so():
    trained = {name for name in ENTRIES if ENTRIES[name]["training"]["musdb18_test"]}

    assert trained == {"mdx_extra", "mdx_extra_q", "hdemucs_high_musdb_plus"}
    for name in trained:
        assert not ENTRIES[name]["scores"]


# --- the collected facts


@pytest.fixture(scope="module")
def candidates():
    if not CANDIDATES.exists():
        pytest.skip("the collected facts do not lie beside the checkout")
    facts = json.loads(CANDIDATES.read_text(encoding="utf-8"))["weights"]
    return {fact["id"]: fact for fact in facts if "filename" in fact}


LEFT_OUT = {
    *("dtln-pytorch", "gtcrn/dns3", "gtcrn/vctk", "ul-unas/dns3"),
    *("dtln/model.h5", "dtln/DTLN_norm_500h.h5", "dtln/DTLN_norm_40h.h5"),
    *("dtln/model_1.onnx", "dtln/model_2.onnx", "dtln/model_1.tflite", "dtln/model_2.tflite"),
    *("cws-mdensenet", "acapellabot", "sahtdemucs/spatial", "waveunet-pytorch"),
}
"""Speech enhancers, files that say no terms, and networks that will not be here."""


def terms(text):
    """Return the identifier for what the facts say of a licence."""
    if isinstance(text, dict) or "conflicting" in text:
        return "conflicting"
    if text.startswith(("not stated", "unknown")) or "weights not stated" in text:
        return "not-stated"
    return text.split()[0]


def as_published(fact):
    """Return the row of the table for a collected fact."""
    hub = fact.get("hf_repo")
    prefix = None if fact["sha256"] else fact.get("sha256_prefix")
    values = {
        "file": fact["filename"],
        "address": None if hub else fact["url"],
        "repo": hub,
        "revision": fact.get("hf_revision"),
        # A size that contradicts itself is no fact.
        "size": None if "size_note" in fact else fact.get("size"),
        "sha256": fact["sha256"],
        "sha256_prefix": prefix,
        "sha512": fact.get("sha512"),
        "git_blob_sha1": fact.get("git_blob_sha1"),
        "licence": terms(fact["license"]),
    }
    return {key: "" if value is None else str(value) for key, value in values.items()}


def test_the_table_is_what_was_collected(candidates):
    rows = {place(row): row for row in TABLE}
    collected = [as_published(fact) for key, fact in candidates.items() if key not in LEFT_OUT]
    seconds = {fact["alt_url"] for fact in candidates.values() if "alt_url" in fact}
    mirrors = " ".join(fact["mirror"] for fact in candidates.values() if "mirror" in fact)

    for row in collected:
        assert rows[place(row)] == row
    for where in set(rows) - set(map(place, collected)):
        assert where in seconds or rows[where]["file"] in mirrors
        assert rows[where]["sha256"] in {row["sha256"] for row in collected}


@pytest.mark.parametrize("name", VERSION_2)
def test_what_a_constructor_leaves_out_is_its_authors_default(candidates, name):
    [member] = ENTRIES[name]["members"]
    call = member["constructor"]
    complete = candidates[f"demucs-v2/{name}"]["kwargs"]

    said = published.translate(call["system"], call["class"], call["options"])

    assert said == published.translate(call["system"], call["class"], complete)


COUNTED = {
    **dict.fromkeys(
        ("demucs_v1", "demucs_v1_extra", "demucs_v1_q", "demucs_v1_extra_q"),
        ("demucs_v1", "Demucs(channels=100) [demucs, demucs_extra]"),
    ),
    **dict.fromkeys(
        ("light", "light_extra", "light_q", "light_extra_q"),
        ("demucs_v1", "Demucs(channels=64) [light, light_extra]"),
    ),
    **dict.fromkeys(
        ("demucs", "demucs_extra", "demucs_quantized"),
        ("demucs_v2", "Demucs(sources=4) [demucs, demucs_extra, demucs_quantized]"),
    ),
    "demucs48_hq": ("demucs_v2", "Demucs(channels=48) [demucs48_hq]"),
    "demucs_unittest": ("demucs_v2", "Demucs(channels=4) [demucs_unittest]"),
    **dict.fromkeys(
        ("tasnet", "tasnet_extra"), ("demucs_v2", "ConvTasNet(X=10) [tasnet, tasnet_extra]")
    ),
    "hdemucs_mmi": ("demucs_v4", "HDemucs() defaults [hdemucs_mmi]"),
    **dict.fromkeys(("umx", "umxhq"), ("umx", "umxhq/umx (one target)")),
    "umxl": ("umx", "umxl (one target)"),
    "umxse": ("umx", "umxse (one target)"),
    "wavenet-multi": ("wavenet", "mi_4stacks"),
    "wavenet-vocals": ("wavenet", "sv_4stacks"),
    "wave-u-net-m4": ("waveunet", "M4 baseline_stereo"),
    "wave-u-net-m6": ("waveunet", "M6 full_multi_instrument"),
    "wave-u-net-m5-highsr": ("waveunet", "full_44KHz (learned)"),
    "scnet-small-musdb18": ("roformer_msst_and_scnet", "SCNet defaults"),
}


@pytest.mark.parametrize("name", COUNTED)
def test_weights_are_as_many_as_in_the_original_code(name):
    if not COUNTS.exists():
        pytest.skip("the reference outputs do not lie beside the checkout")
    group, label = COUNTED[name]
    counts = json.loads(COUNTS.read_text(encoding="utf-8"))
    parts = len(ENTRIES[name]["members"][0]["files"])

    assert ENTRIES[name]["parameters"] == parts * counts[group][label]["num_params"]


# --- what nobody has published


UNKNOWN = {
    "a model": ("default_for", "architecture", "inference", "parameters", "paper"),
    "its licence": ("summary", "note", "source"),
    "its training": ("data", "musdb18_test"),
    "a member": ("constructor", "shares"),
    "a file": ("repo", "revision", "part", "size", *HASHES),
}


def nulls():
    """Return the table of the page: in how many places each field is null."""
    entries = list(ENTRIES.values())
    found = {
        "a model": entries,
        "its licence": [entry["licence"] for entry in entries],
        "its training": [entry["training"] for entry in entries],
        "a member": [member for _, member in members()],
        "a file": [file for entry in entries for file in copies(entry)],
    }
    lines = ["| of | field | null in | of all |", "|---|---|---|---|"]
    for kind, names in UNKNOWN.items():
        for field in names:
            times = sum(value[field] is None for value in found[kind])
            lines.append(f"| {kind} | `{field}` | {times} | {len(found[kind])} |")
    return "\n".join(lines) + "\n"


def test_the_page_counts_what_is_not_known():
    sys.stdout.write(nulls())

    assert nulls() in PAGE.read_text(encoding="utf-8")


def test_every_field_that_can_be_null_is_counted():
    counted = {field for names in UNKNOWN.values() for field in names}
    null = {
        key
        for name in ENTRIES
        for path in objects(ENTRIES[name])
        for key, value in at(ENTRIES[name], path).items()
        if value is None
    }

    # A whole track as one segment is no gap.
    assert null <= counted | {"segment"}
