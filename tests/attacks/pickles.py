"""Pickles, put together instruction by instruction: nothing is pickled, and so nothing runs.

Each function returns the instructions that leave one value on the stack; a pickle is such
a value between :data:`HEAD` and :data:`STOP`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from math import prod

from attacks.guard import CANARY

HEAD, STOP = b"\x80\x02", b"."
MARK, NONE, TRUE, FALSE, EMPTY_TUPLE = b"(", b"N", b"\x88", b"\x89", b")"

HUGE = 1 << 39
"""Elements of a tensor that no computer here could hold."""


def pickle(*values: bytes) -> bytes:
    return HEAD + b"".join(values) + STOP


def name(module: str, attribute: str) -> bytes:
    return b"c%s\n%s\n" % (module.encode(), attribute.encode("utf-8", "surrogatepass"))


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def whole(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def real(value: float) -> bytes:
    return b"G" + struct.pack(">d", value)


def entry(*values: bytes) -> bytes:
    """A tuple."""
    return MARK + b"".join(values) + b"t"


def listed(*values: bytes) -> bytes:
    return b"]" + MARK + b"".join(values) + b"e"


def table(pairs: Mapping[str, bytes] | Sequence[tuple[bytes, bytes]]) -> bytes:
    """A dict."""
    if isinstance(pairs, Mapping):
        pairs = [(text(key), value) for key, value in pairs.items()]
    return b"}" + MARK + b"".join(key + value for key, value in pairs) + b"u"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + entry(*arguments) + b"R"


def put(index: int) -> bytes:
    return b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    return b"j" + struct.pack("<I", index)


def octets(value: bytes) -> bytes:
    """Bytes, as protocol 2 writes them."""
    return call(name("_codecs", "encode"), text(value.decode("latin1")), text("latin1"))


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    what = (text("storage"), name("torch", kind), text(key), text("cpu"), whole(count))
    return entry(*what) + b"Q"


def tensor(
    key: str,
    shape: Sequence[int],
    *,
    stride: Sequence[int] | None = None,
    offset: int = 0,
    count: int | None = None,
    kind: str = "FloatStorage",
) -> bytes:
    """A tensor as torch.save writes it, true or not."""
    if stride is None:
        stride = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        storage(key, prod(shape) if count is None else count, kind),
        whole(offset),
        entry(*map(whole, shape)),
        entry(*map(whole, stride)),
        FALSE,
        call(name("collections", "OrderedDict")),
    )


def nested(depth: int, innermost: bytes = EMPTY_TUPLE) -> bytes:
    """Tuples in tuples."""
    return innermost + b"\x85" * depth


def laughs(doublings: int, innermost: bytes) -> bytes:
    """A value that is small here, and two to the power of ``doublings`` as text."""
    steps = (put(1000 + index) + get(1000 + index) + b"\x86" for index in range(doublings))
    return b"".join([innermost, *steps])


SING = name(CANARY, "sing")

GADGETS: dict[str, bytes] = {
    # row 1: what __reduce__ of an object becomes
    "1-reduce-canary": call(SING, text("a command")),
    "1-reduce-os-system": call(name("os", "system"), text("exit 1")),
    # row 2
    "2-posix": call(name("posix", "system"), text("exit 1")),
    "2-nt": call(name("nt", "system"), text("exit 1")),
    "2-sys": call(name("sys", "exit"), text("now")),
    "2-subprocess": call(name("subprocess", "Popen"), listed(text("false"))),
    # row 3
    **{
        f"3-builtins-{word}": call(name("builtins", word), text(f"import {CANARY}"))
        for word in ("eval", "exec", "getattr", "__import__", "compile", "open", "print")
    },
    "3-python2-builtins": call(name("__builtin__", "eval"), text("1")),
    # row 4: names with dots, and names that become a listed one by a blank
    "4-dotted": call(name("torch.serialization", "os.system"), text("exit 1")),
    "4-attribute-of-a-listed-name": call(name("collections", "OrderedDict.fromkeys"), listed()),
    "4-globals-of-a-listed-name": name("torch._utils", "_rebuild_tensor_v2.__globals__"),
    "4-blank": call(name("torch._utils _rebuild_tensor_v2", "__globals__"), text("os")),
    # row 5
    "5-stack-global": text(CANARY) + text("sing") + b"\x93" + entry() + b"R",
    # row 6
    "6-inst": MARK + text("x") + b"i%s\nsing\n" % CANARY.encode(),
    "6-obj": MARK + SING + text("x") + b"o",
    "6-newobj": name(CANARY, "Canary") + EMPTY_TUPLE + b"\x81",
    "6-newobj-ex": name(CANARY, "Canary") + EMPTY_TUPLE + b"}" + b"\x92",
    "6-ext1": b"\x82\x01" + EMPTY_TUPLE + b"R",
    "6-ext2": b"\x83\x01\x01" + EMPTY_TUPLE + b"R",
    "6-ext4": b"\x84\x01\x01\x01\x01" + EMPTY_TUPLE + b"R",
    # row 7
    "7-torch-load": call(name("torch", "load"), text("/dev/null")),
    "7-torch-hub": call(name("torch.hub", "load"), text("a/b"), text("c")),
    "7-torch-jit": call(name("torch.jit", "load"), text("/dev/null")),
    "7-torch-get-function": call(name("torch._C", "_jit_get_operation"), text("x")),
    # row 8
    "8-partial": call(call(name("functools", "partial"), SING), text("x")),
    "8-attrgetter": call(name("operator", "attrgetter"), text("system")),
    "8-methodcaller": call(name("operator", "methodcaller"), text("sing")),
    "8-resolve-name": call(name("pkgutil", "resolve_name"), text(f"{CANARY}:sing")),
    "8-import-module": call(name("importlib", "import_module"), text(CANARY)),
    "8-runpy": call(name("runpy", "run_module"), text(CANARY)),
    # row 9
    "9-numpy-reconstruct": call(
        name("numpy.core.multiarray", "_reconstruct"),
        name("numpy", "ndarray"),
        entry(whole(0)),
        octets(b"b"),
    ),
    "9-numpy-scalar": call(name("numpy.core.multiarray", "scalar"), text("x"), octets(b"b")),
    # what is on the list, used as it is not meant
    "call-of-a-class": call(name("demucs.demucs", "Demucs"), text("x")),
    "call-of-a-storage": call(name("torch", "FloatStorage"), text("x")),
    "call-of-a-value": call(text("os.system"), text("exit 1")),
    "new-of-a-call": name("collections", "OrderedDict") + EMPTY_TUPLE + b"\x81",
    "new-with-arguments": name("argparse", "Namespace") + entry(text("x")) + b"\x81",
    "call-of-a-call": call(call(name("collections", "OrderedDict")), text("x")),
    "call-without-tuple": name("collections", "OrderedDict") + text("x") + b"R",
    "python2-extension-registry": call(name("copy_reg", "_reconstructor"), SING, SING, NONE),
    "copyreg": call(name("copyreg", "_reconstructor"), SING, SING, NONE),
}
"""Values whose making would run something, by the row of what they imitate."""
