"""A pickle read as data: nothing in it is imported or called.

A pickle is a program that may import any name and call it. Here the standard library's
:mod:`pickletools` only parses it; of its instructions those that checkpoints need are
carried out, the names it may hold are listed below, and a listed name is a word, not
the object of that name. Anything else is refused.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO, Any


class PickleError(ValueError):
    """The pickle holds what no checkpoint needs, or is damaged."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle refers to, as text."""

    text: str


@dataclass(slots=True)
class Thing:
    """An object of a class that we do not have, with its attributes."""

    name: str
    attributes: dict[str, Any] = field(default_factory=dict)


Call = Callable[..., Any]
Persistent = Callable[[tuple[Any, ...]], Any]

CLASSES = frozenset(
    {
        "demucs.model.Demucs",
        "demucs.tasnet.ConvTasNet",
        "demucs.demucs.Demucs",
        "demucs.hdemucs.HDemucs",
        "demucs.wdemucs.WDemucs",
        "demucs.htdemucs.HTDemucs",
        "diffq.diffq.DiffQuantizer",
        "diffq.uniform.UniformQuantizer",
    }
)
"""Classes that stay words: they say which network or quantiser a state belongs to."""

THINGS = frozenset({"argparse.Namespace"})
"""Classes whose attributes are kept, for what they say of a training."""

MOST_INSTRUCTIONS = 1 << 19
"""The largest checkpoints have a tenth of it; an instruction is a byte and makes a dict."""
LONGEST_PATH = 4096
SMALL = 1 << 60
"""Whole numbers below it have a hash each; of larger ones any number can have the same."""

_MARK = object()


def _fraction(*parts: Any) -> Fraction:
    """Build a fraction from its text, or from two small numbers."""
    # As text, what is nested could be endless.
    text = "/".join(str(part) if isinstance(part, str | int) else "?" for part in parts)
    if not re.fullmatch(r"-?\d{1,12}(/[1-9]\d{0,11})?", text):
        raise PickleError("an impossible fraction")
    return Fraction(text)


def _bytes(text: Any, encoding: Any) -> bytes:
    """Undo how protocol 2 writes bytes."""
    if encoding != "latin1" or not isinstance(text, str):
        raise PickleError("bytes in an unknown encoding")
    return text.encode("latin1")


def _path(*parts: Any) -> str:
    if not all(isinstance(part, str) for part in parts) or sum(map(len, parts)) > LONGEST_PATH:
        raise PickleError("a path that is not text, or too long")
    return "/".join(parts)


def _ordered(*items: Any) -> dict[Any, Any]:
    """Make a dict; torch fills it afterwards, item by item."""
    if items and items != ([],):
        raise PickleError("a filled OrderedDict")
    return {}


CALLS: dict[str, Call] = {
    "collections.OrderedDict": _ordered,
    "_codecs.encode": _bytes,
    "fractions.Fraction": _fraction,
    "pathlib.PosixPath": _path,
    "pathlib.WindowsPath": _path,
}
"""What a pickle may call, and what is done instead."""


class Reader:
    """Carries out the few instructions that checkpoints need.

    Args:
        file: Positioned at the pickle; left just behind it.
        calls: What else may be called, by qualified name.
        words: What other names may appear.
        persistent: Looks up what the pickle keeps outside itself.

    Raises:
        PickleError: From :meth:`read`, for anything that is not on the lists.
    """

    def __init__(
        self,
        file: IO[bytes],
        *,
        calls: dict[str, Call] | None = None,
        words: frozenset[str] = frozenset(),
        persistent: Persistent | None = None,
    ) -> None:
        self._file = file
        self._calls = {**CALLS, **(calls or {})}
        self._names = CLASSES | THINGS | words | frozenset(self._calls)
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._made = 0

    def read(self) -> Any:
        """Return what the pickle holds."""
        try:
            for number, (opcode, argument, _) in enumerate(pickletools.genops(self._file)):
                if opcode.name == "STOP":
                    break
                if number == MOST_INSTRUCTIONS:
                    raise PickleError(f"more than {MOST_INSTRUCTIONS} instructions")
                self._do(opcode.name, argument)
            [result] = self._stack
        except PickleError:
            raise
        # The bytes may provoke any of these in the parser or in a container.
        except (
            ValueError,
            TypeError,
            LookupError,
            EOFError,
            OverflowError,
            AttributeError,
            RecursionError,
        ) as error:
            raise PickleError(f"damaged ({type(error).__name__})") from error
        return result

    def _do(self, name: str, argument: Any) -> None:
        if name in VALUES:
            self._stack.append(argument)
        elif name in CONSTANTS:
            self._stack.append(CONSTANTS[name]())
        elif name in INSTRUCTIONS:
            INSTRUCTIONS[name](self, argument)
        elif name != "PROTO":
            raise PickleError(f"the instruction {name}")

    def _marked(self) -> list[Any]:
        """Take everything above the last mark."""
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is _MARK:
                items = self._stack[index + 1 :]
                del self._stack[index:]
                return items
        raise PickleError("no mark")

    def _name(self, argument: str) -> None:
        text = argument.replace(" ", ".")
        if text not in self._names:
            raise PickleError(f"the name {text[:100]!r}")
        self._stack.append(Name(text))

    def _call(self, _: None) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, Name) or function.text not in self._calls:
            raise PickleError("a call of something else than a listed name")
        made = self._calls[function.text](*_a(tuple, arguments))
        self._made += len(made) if isinstance(made, bytes | str) else 0
        if self._made > self._file.tell():  # one text, and many copies of it
            raise PickleError("more bytes than it has")
        self._stack.append(made)

    def _new(self, _: None) -> None:
        arguments, kind = self._stack.pop(), self._stack.pop()
        if not isinstance(kind, Name) or kind.text not in THINGS or arguments != ():
            raise PickleError("an object of a class that is not listed")
        self._stack.append(Thing(kind.text))

    def _build(self, _: None) -> None:
        state, built = self._stack.pop(), self._stack[-1]
        if isinstance(built, Thing):
            built.attributes = _a(dict, state)  # no copy: it may be given to many
        elif not isinstance(built, dict):  # a dict's attributes are of no use to us
            raise PickleError("attributes of something else than an object")

    def _items(self, pairs: list[Any]) -> None:
        target = _a(dict, self._stack[-1])
        if len(pairs) % 2:
            raise PickleError("a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            # A nested tuple would be hashed in depth.
            if not isinstance(key, str) and not (isinstance(key, int) and abs(key) < SMALL):
                raise PickleError(f"a key that is a {type(key).__name__}")
            target[key] = value

    def _item(self, _: None) -> None:
        pair = self._stack[-2:]
        del self._stack[-2:]
        self._items(pair)

    def _extend(self, values: list[Any]) -> None:
        _a(list, self._stack[-1]).extend(values)

    def _tuple(self, size: int) -> None:
        values = tuple(self._stack[-size:])
        if len(values) < size or _MARK in values:
            raise PickleError("a tuple of too few")
        self._stack[-size:] = [values]

    def _remember(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _outside(self, _: None) -> None:
        if self._persistent is None:
            raise PickleError("something outside itself")
        self._stack.append(self._persistent(_a(tuple, self._stack.pop())))


def _a(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise PickleError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


VALUES = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"})

CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}

_Instruction = Callable[[Reader, Any], None]

INSTRUCTIONS: dict[str, _Instruction] = {
    "GLOBAL": Reader._name,
    "REDUCE": Reader._call,
    "NEWOBJ": Reader._new,
    "BUILD": Reader._build,
    "BINPERSID": Reader._outside,
    "BINPUT": Reader._remember,
    "LONG_BINPUT": Reader._remember,
    "BINGET": lambda reader, index: reader._stack.append(reader._memo[index]),
    "LONG_BINGET": lambda reader, index: reader._stack.append(reader._memo[index]),
    "SETITEM": Reader._item,
    "SETITEMS": lambda reader, _: reader._items(reader._marked()),
    "APPEND": lambda reader, _: reader._extend([reader._stack.pop()]),
    "APPENDS": lambda reader, _: reader._extend(reader._marked()),
    "TUPLE": lambda reader, _: reader._stack.append(tuple(reader._marked())),
    "TUPLE1": lambda reader, _: reader._tuple(1),
    "TUPLE2": lambda reader, _: reader._tuple(2),
    "TUPLE3": lambda reader, _: reader._tuple(3),
}
