"""Rows 12 to 20, 23, 25 and 59 to 61: the containers, and the tensors that lie in them."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zlib

import pytest
import torch

from attacks import archives, pickles, victims
from attacks.archives import DEFLATED, Member, archive, zipped
from attacks.pickles import HUGE, octets, table, tensor
from unmixcli.errors import WeightsError
from unmixcli.weights import checkpoint, loader, snapshot
from unmixcli.weights.formats import reading
from unmixcli.weights.formats.torch_checkpoint import Checkpoint
from unmixcli.weights.registry import configure

NOT_READ = "is not a file of weights that is read here"
BIAS = "encoder.0.0.bias"  # two numbers, the storage '1'

RECORDS = victims.records()
HONEST = archives.members(victims.state(), RECORDS)
PICKLE = HONEST[0]


def refused(attack, data, said=NOT_READ):
    return attack.refused(victims.import_, attack.file(data), said=said)


LYING_TENSORS = {
    "12-storage-larger-than-its-record": tensor("1", (2,), count=3),
    "12-storage-smaller-than-its-record": tensor("1", (2,), count=1),
    "12-storage-of-another-type": tensor("1", (2,), kind="DoubleStorage"),
    "12-storage-of-an-unknown-type": tensor("1", (2,), kind="ComplexFloatStorage"),
    "12-storage-of-a-word": tensor("1", (2,), kind="Tensor"),
    "12-storage-of-negative-size": tensor("1", (2,), count=-2),
    "12-storage-without-type": pickles.entry(
        pickles.text("storage"), pickles.text("x"), pickles.text("1"), pickles.text("cpu"), b"K\2"
    )
    + b"Q",
    "13-shape-beyond-its-storage": tensor("1", (3,), count=2),
    "13-offset-beyond-its-storage": tensor("1", (2,), offset=1),
    "13-offset-far-beyond": tensor("1", (2,), offset=HUGE),
    "13-offset-negative": tensor("1", (2,), offset=-1),
    "13-stride-beyond": tensor("1", (2,), stride=(2,)),
    "13-stride-far-beyond": tensor("1", (2,), stride=(HUGE,)),
    "13-stride-negative": tensor("1", (2,), stride=(-1,), offset=1),
    "13-fewer-strides": tensor("1", (2, 1), stride=(1,), count=2),
    "13-more-strides": tensor("1", (2,), stride=(1, 1)),
    "13-nine-dimensions": tensor("1", (2, *(1,) * 8), count=2),
    "14-stride-0-of-10^12": tensor("1", (10**12,), stride=(0,), count=2),
    "14-stride-0-of-10^12-in-two": tensor("1", (10**6, 10**6), stride=(0, 0), count=2),
    "14-stride-0-of-3": tensor("1", (3,), stride=(0,), count=2),
    "15-2^60-elements": tensor("1", (1 << 60,)),
    "15-2^39-elements": tensor("1", (HUGE,)),
    "15-more-than-64-bits": tensor("1", (1 << 70,)),
    "15-product-beyond-64-bits": tensor("1", (HUGE, HUGE), count=2),
    "15-none-of-2^273": tensor("1", (HUGE,) * 7 + (0,), count=0),
    "16-key-outside": tensor("../../x", (2,)),
    "16-key-absolute": tensor("/etc/passwd", (2,)),
    "16-key-with-nul": tensor("1\0", (2,)),
    "17-no-record": tensor("99", (2,)),
    "17-empty-key": tensor("", (2,)),
    "28-none-of-2^39": tensor("99", (HUGE, 0), count=0),
}


@pytest.mark.parametrize("container", archives.CONTAINERS)
@pytest.mark.parametrize("lie", LYING_TENSORS)
def test_rows_12_to_17_a_tensor_that_is_not_in_its_storage_is_refused(attack, container, lie):
    content = victims.state(**{BIAS: LYING_TENSORS[lie]})

    refused(attack, archives.CONTAINERS[container](content, RECORDS), "")


def test_row_13_a_tensor_of_few_numbers_may_be_laid_out_as_it_likes(attack):
    """Transposed and sliced tensors are saved as they lie."""
    upside_down = tensor("4", (4, 2, 3), stride=(1, 12, 4), count=24)
    content = victims.state(**{"decoder.0.0.weight": upside_down})

    attack.survives(victims.import_, attack.file(zipped(content, RECORDS)))

    [network] = loader.load(victims.NAME).networks
    expected = torch.as_strided(victims.weights()["decoder.0.0.weight"], (4, 2, 3), (1, 12, 4))
    assert torch.equal(network.state_dict()["decoder.0.0.weight"], expected)


@pytest.mark.parametrize("container", archives.CONTAINERS)
def test_row_14_many_tensors_that_share_one_storage_are_refused(attack, container):
    """Each is an honest view; copied, as every network copies, they are a thousand times it."""
    many = {f"weight-{n}": tensor("0", (1 << 18,), stride=(1,)) for n in range(1000)}
    data = archives.CONTAINERS[container](table(many), {"0": bytes(4 << 18)})

    for architecture, config in (("demucs", None), ("wave_u_net", "M4")):
        options = {"architecture": architecture} | ({"config": config} if config else {})
        attack.refused(victims.import_, attack.file(data), said="share", **options)


def test_row_14_parts_of_one_storage_may_be_tensors(attack):
    """So a recurrent layer's weights are saved that were flattened for a GPU."""
    places, content = 0, {}
    for key, shape in victims.shapes().items():
        content[key] = tensor("0", shape, offset=places, count=92)
        places += victims.weights()[key].numel()
    assert places == 92
    data = zipped(table(content), {"0": b"".join(RECORDS.values())})

    attack.survives(victims.import_, attack.file(data))

    [network] = loader.load(victims.NAME).networks
    assert victims.is_intact(network.state_dict())


def test_row_14_the_same_numbers_twice_are_kept_twice(attack):
    """As many as there are, and yet one tensor lies on another."""
    content = victims.state(
        **{
            "encoder.0.0.bias": tensor("1", (2,), count=4),
            "decoder.0.2.bias": tensor("1", (2,), offset=1, count=4),
        }
    )

    attack.survives(
        victims.import_, attack.file(zipped(content, RECORDS | {"1": bytes(16), "7": bytes(8)}))
    )


# Rows 18 and 19: the archive.

LYING_ARCHIVES = {
    "18-a-member-deflated": [Member(name="m/data/0", data=bytes(1 << 20), method=DEFLATED)],
    "18-the-pickle-deflated": [Member(name=PICKLE.name, data=PICKLE.data, method=DEFLATED)],
    "18-a-method-nobody-knows": [Member(name="m/data/0", data=bytes(64), method=99)],
    "18-bzip2": [Member(name="m/data/0", data=bytes(64), method=12)],
    "18-lzma": [Member(name="m/data/0", data=bytes(64), method=14)],
    "19-encrypted": [Member(name="m/data/0", data=bytes(64), flags=1)],
    "19-encrypted-strongly": [Member(name="m/data/0", data=bytes(64), flags=0x41)],
    "19-wrong-checksum": [Member(name="m/data/0", data=bytes(64), crc=1)],
    "19-wrong-checksum-of-the-pickle": [Member(name=PICKLE.name, data=PICKLE.data, crc=1)],
    "19-forged-size-larger": [Member(name="m/data/0", data=bytes(64), size=65)],
    "19-forged-size-of-4-GB": [Member(name="m/x", data=bytes(64), size=0xFFFFFFFE)],
    "19-forged-sizes-beyond-the-file": [
        Member(name="m/x", data=bytes(64), size=0xFFFFFFFE, packed=0xFFFFFFFE)
    ],
    "19-forged-size-smaller": [Member(name="m/data/0", data=bytes(64), size=63)],
    "19-zip64-without-its-field": [Member(name="m/x", size=0xFFFFFFFF, packed=0xFFFFFFFF)],
    "19-place-beyond-the-file": [Member(name="m/x", place=0xFFFFFFF0)],
    "19-place-of-nothing": [Member(name="m/x", place=1)],
    "19-place-of-another": [Member(name="m/x", data=PICKLE.data, place=0, absent=True)],
    "19-a-name-twice": [Member(name="m/data/0", data=bytes(64))],
    "19-the-pickle-twice": [PICKLE],
    "19-a-second-model": [Member(name="n/data.pkl", data=PICKLE.data)],
    "25-torchscript": [Member(name="m/constants.pkl", data=b"x")],
}


@pytest.mark.parametrize("lie", LYING_ARCHIVES)
def test_rows_18_and_19_an_archive_that_lies_is_refused(attack, lie):
    changed = LYING_ARCHIVES[lie]
    names = {member.name for member in changed} if "twice" not in lie else set()
    kept = [member for member in HONEST if member.name not in names]

    for members in ([*kept, *changed], [kept[0], *changed, *kept[1:]]):
        refused(attack, archive(members))


@pytest.mark.parametrize(
    "before",
    [b"x", b"\0" * 1000, b"MZ", b"PK\x03\x04", archive(HONEST), zipped(pickles.GADGETS["2-posix"])],
    ids=["byte", "zeros", "program", "signature", "archive", "hostile archive"],
)
def test_row_19_an_archive_with_something_before_it_is_refused(attack, before):
    """Some readers begin at the front and some at the end; they would see different files."""
    refused(attack, archive(HONEST, before=before))


def test_row_19_something_behind_an_archive_is_not_read(attack):
    for after in (b"x", b"\0" * 100, b"PK\x05\x06"):
        path = attack.file(archive(HONEST, after=after))
        try:
            attack.survives(victims.import_, path)
        except WeightsError:
            continue
        victims.forget()


def test_row_19_an_archive_of_nothing_is_refused(attack):
    for members in ([], [Member(name="data.pkl", data=PICKLE.data)], [Member(name="m/version")]):
        refused(attack, archive(members))


def test_row_19_links_and_folders_are_names_like_others(attack):
    """Nothing is ever unpacked to the disk."""
    links = [Member(name=n, data=b"/etc/passwd") for n in ("m/link", "../../x", "/x", "m/x/", "C:")]

    attack.survives(victims.import_, attack.file(archive([*HONEST, *links])))

    assert not list(attack.folder.parent.rglob("link"))


def test_row_19_members_that_overlap_cost_no_time(attack):
    """Ten thousand members, each the same ten megabytes: their checksums alone take minutes."""
    big = Member(name="m/big", data=bytes(10 << 20))
    size, crc = len(big.data), zlib.crc32(big.data)
    many = [
        Member(name=f"m/{n}", size=size, packed=size, crc=crc, place=0, absent=True)
        for n in range(10_000)
    ]
    path = attack.file(archive([big, *many]))
    assert path.stat().st_size < 11 << 20

    attack.refused(victims.import_, path, said="overlap")


def test_row_19_a_long_directory_is_bounded(attack):
    """A small file can hold a directory of a million members, if it is compressed."""
    many = [Member(name=f"m/{n}", place=0, absent=True) for n in range(30_000)]
    data = archive([*HONEST, *many])

    refused(attack, data)
    refused(attack, gzip.compress(data))


@pytest.mark.parametrize("order", [b"big", b"", b"x" * 100])
def test_row_19_another_order_of_bytes_is_refused(attack, order):
    members = [
        Member(name=m.name, data=order if m.name == "m/byteorder" else m.data) for m in HONEST
    ]
    path = attack.file(archive(members))

    if order:
        attack.refused(victims.import_, path, said="order")
    else:
        attack.survives(victims.import_, path)


# Row 18: bombs.

GZIP_BOMB = archives.bomb(256 << 20)


def compressed(raw):
    return zipped(table({"compressed": octets(raw)}))


BOMBS = {
    "gzip": GZIP_BOMB,
    "gzip-of-gzip": gzip.compress(GZIP_BOMB),
    "gzip-of-a-torch-file": gzip.compress(zipped(victims.state(), {"x": bytes(64 << 20)})),
    "compressed": compressed(zlib.compress(bytes(64 << 20), 9)),
    "compressed-of-gzip": compressed(zlib.compress(GZIP_BOMB)),
    "compressed-of-compressed": compressed(zlib.compress(compressed(zlib.compress(b"")))),
    "gzip-of-compressed": gzip.compress(compressed(zlib.compress(bytes(64 << 20), 9))),
    "gzip-of-compressed-of-gzip": gzip.compress(compressed(zlib.compress(GZIP_BOMB))),
    "gzip-of-a-large-compressed": gzip.compress(compressed(zlib.compress(bytes(8 << 20), 0))),
    "gzip-of-many-instructions": gzip.compress(zipped(b"}" * (15 << 20))),
    "gzip-of-a-wide-text": gzip.compress(zipped(pickles.text("x" * (15 << 20) + "\U0001f600"))),
    "gzip-of-marks": gzip.compress(archives.legacy(b"(" * (15 << 20))),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_row_18_a_bomb_is_refused_before_it_goes_off(attack, bomb):
    refused(attack, BOMBS[bomb])


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-9],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:-8] + bytes(8),
        lambda raw: raw[:20] + bytes(40) + raw[60:],
        lambda raw: raw[:10],
        lambda raw: raw[:2],
    ],
    ids=["no trailer", "half", "checksum", "middle", "header", "signature"],
)
def test_row_18_a_damaged_gzip_is_refused(attack, damage):
    refused(attack, damage(gzip.compress(archives.legacy(victims.state(), RECORDS))))


# Rows 20, 23, 25: files of other kinds.


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            info = tarfile.TarInfo(name)
            info.size = len(pickles.pickle(pickles.GADGETS["1-reduce-canary"]))
            raw = pickles.pickle(pickles.GADGETS["1-reduce-canary"])
            file.addfile(info, io.BytesIO(raw))
    return out.getvalue()


OTHERS = {
    "20-tar": tarred(),
    "20-a-bare-pickle": pickles.pickle(victims.state()),
    "20-a-bare-gadget": pickles.pickle(pickles.GADGETS["1-reduce-canary"]),
    "23-empty": b"",
    "23-web-page": b"<!DOCTYPE html><html><title>404</title></html>",
    "23-web-page-after-blanks": b"\n\n  <HTML>\n",
    "23-xml": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "23-lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n",
    "23-json": b'{"error": "Repository not found"}',
    "23-json-as-safetensors": b'Error   {"error": "not found"}',
    "23-text": b"Not Found",
    "23-byte": b"\0",
    "23-zeros": bytes(10_000),
    "23-signature-of-hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "23-signature-of-zip": b"PK\x03\x04",
    "23-signature-of-gzip": b"\x1f\x8b",
    "25-onnx": b"\x08\x07\x12\x07pytorch\x1a\x052.1.0",
    "25-torchscript": archive([*HONEST, Member(name="m/constants.pkl", data=b"x")]),
    "25-a-python-script": b"import os\nos.system('exit 1')\n",
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("suffix", [".th", ".safetensors", ".h5", ".yaml", ".index"])
def test_rows_20_to_25_what_is_no_file_of_weights_is_refused(attack, suffix, other):
    path = attack.file(OTHERS[other], f"hostile{suffix}")

    attack.refused(victims.import_, path)
    if suffix == ".safetensors":
        attack.refused(victims.load, path)


def test_row_23_a_page_says_that_it_is_one(attack):
    page = attack.file(OTHERS["23-web-page"])

    assert "is a web page" in attack.refused(victims.import_, page)
    pointer = attack.file(OTHERS["23-lfs-pointer"])
    assert "is a pointer to a file" in attack.refused(victims.import_, pointer)


# Row 22 and 36: everything cut short, and anything exchanged.


def read(data: bytes, attack) -> Checkpoint:
    return reading.read(snapshot.take(attack.file(data)), "torch-state")


def fill(data: bytes, attack) -> dict[str, torch.Tensor]:
    """Read a file as the loader does, less the cache; return the network's weights."""
    found = read(data, attack)
    network = checkpoint.blank("demucs", configure("demucs", victims.CONFIG))
    filled = checkpoint.fill(network, found.named(checkpoint.shapes(network)), name="it")
    return filled.state_dict()


HONEST_FILES = {
    "zip": archive(HONEST),
    "legacy": archives.legacy(victims.state(), RECORDS),
    "gzip": archives.in_gzip(victims.state(), RECORDS),
    "compressed": archives.in_compressed(victims.state(), RECORDS),
}


@pytest.mark.parametrize("kind", HONEST_FILES)
def test_row_22_a_file_cut_short_anywhere_is_refused(attack, kind):
    few = table({"a": tensor("0", (2, 1, 8)), "b": tensor("1", (2,))})
    data = archives.CONTAINERS[kind](few, {key: RECORDS[key] for key in "01"})
    assert set(read(data, attack).state) == {"a", "b"}

    def cut() -> None:
        for end in range(len(data)):
            try:
                read(data[:end], attack)
            except WeightsError:
                continue
            raise AssertionError(f"{end} of {len(data)} bytes were enough")

    attack.survives(cut)


@pytest.mark.parametrize("kind", HONEST_FILES)
def test_row_36_any_byte_exchanged_is_refused_or_changes_nothing_but_numbers(attack, kind):
    """Of a zip archive and of what is compressed, checksums tell; of old files, only the hash."""
    data, chance = HONEST_FILES[kind], random.Random(0)
    summed = kind != "legacy"

    def flip() -> None:
        for _ in range(300):
            changed = bytearray(data)
            for _ in range(chance.choice((1, 1, 1, 2, 8))):
                changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            try:
                found = fill(bytes(changed), attack)
            except WeightsError:
                continue
            assert {key: tuple(weight.shape) for key, weight in found.items()} == victims.shapes()
            assert victims.is_intact(found) or not summed

    attack.survives(flip)


def test_row_36_what_is_glued_together_from_two_files_is_refused(attack):
    zip_, old = HONEST_FILES["zip"], HONEST_FILES["legacy"]
    chance = random.Random(1)

    def glue() -> None:
        for _ in range(100):
            cut = chance.randrange(8, len(old))
            for data in (zip_[:cut] + old[cut:], old[:100] + zip_, zip_[:cut] * 2):
                with pytest.raises(WeightsError):
                    fill(data, attack)

    attack.survives(glue)


NUMBERS = {
    "nan": struct.pack("<2f", float("nan"), 1.0),
    "infinity": struct.pack("<2f", float("-inf"), 1.0),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_row_29_weights_that_are_not_finite_are_refused(attack, number):
    records = RECORDS | {"1": NUMBERS[number]}

    for container in archives.CONTAINERS.values():
        refused(attack, container(victims.state(), records), f"not finite in '{BIAS}'")


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("HalfStorage", struct.pack("<2e", 17, 18)),
        ("DoubleStorage", struct.pack("<2d", 17, 18)),
        ("BFloat16Storage", struct.pack("<2f", 17, 18)[2:4] + struct.pack("<2f", 17, 18)[6:8]),
    ],
)
def test_row_34_floats_of_other_widths_become_float32(attack, kind, raw):
    content = victims.state(**{BIAS: tensor("1", (2,), kind=kind)})

    attack.survives(victims.import_, attack.file(zipped(content, RECORDS | {"1": raw})))

    [network] = loader.load(victims.NAME).networks
    assert network.state_dict()[BIAS].tolist() == [17, 18]
    assert network.state_dict()[BIAS].dtype == torch.float32


@pytest.mark.parametrize(
    ("kind", "width"),
    [
        ("LongStorage", 8),
        ("IntStorage", 4),
        ("ShortStorage", 2),
        ("CharStorage", 1),
        ("ByteStorage", 1),
        ("BoolStorage", 1),
    ],
)
def test_row_34_whole_numbers_where_weights_belong_are_refused(attack, kind, width):
    content = victims.state(**{BIAS: tensor("1", (2,), kind=kind)})
    data = zipped(content, RECORDS | {"1": bytes(2 * width)})

    refused(attack, data, "encoder.0.0.bias")


def test_row_33_and_34_the_first_three_that_do_not_fit_are_named(attack):
    transposed = tensor("0", (8, 1, 2), count=16)
    content = victims.state(**{"encoder.0.0.weight": transposed, "extra": tensor("x", (2,))})
    data = zipped(content, RECORDS | {"x": bytes(8)})
    message = refused(attack, data, "does not fit its architecture")

    assert "'extra' is unexpected" in message
    assert "'encoder.0.0.weight' is [8, 1, 2] where [2, 1, 8] is expected" in message
    other = {
        "architecture": "conv_tasnet",
        "config": '{"sources": ["a"], "sample_rate": 1, "channels": 1, "blocks": 1, "repeats": 1}',
    }
    path = attack.file(HONEST_FILES["zip"])
    message = attack.refused(victims.import_, path, said="does not fit its architecture", **other)
    assert message.count("';") + message.count(";") <= 3
