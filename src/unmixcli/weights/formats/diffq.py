"""States that the DiffQ library quantised: lists without names.

A quantised state is ``{"quantized": [...], "float16": [...], "others": [...]}``: the
parameters in the order in which the network registers them, the larger ones in the
first list. Which are the larger ones follows from how many there are. Its versions
differ in how an entry of the first list lies in the file:

    0.1  (levels, (lowest, highest), bits)        plain integers
    0.2  ([levels of 1 bit, of 2, ...], (lowest, highest), bits)   packed by bit width

A uniformly quantised entry has no bits of its own, nor has it groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from math import isfinite, prod
from typing import Any

import torch
from torch import Tensor

from unmixcli.weights.formats.pickle_data import Name, PickleError
from unmixcli.weights.formats.torch_file import Stored
from unmixcli.weights.quantised import MOST_BITS, Quantised

Shapes = Mapping[str, tuple[int, ...]]

GROUP, LEAST_BITS, UNIFORM_BITS = 1, 2, 8
"""What the library takes where a file does not say."""

MOST_PATTERNS, LONGEST_PATTERN = 64, 256


@dataclass(frozen=True)
class DiffQState:
    """A quantised state before its tensors have names.

    Attributes:
        quantized: Entries of the larger parameters.
        rest: The others, in order.
        options: What the quantiser was made with.
        unpack: Undoes how levels are packed; ``None`` where they are not.
    """

    quantized: list[Any]
    rest: list[Tensor]
    options: dict[str, Any] = field(default_factory=dict)
    unpack: Callable[[Tensor, int], Tensor] | None = None

    def named(self, shapes: Shapes) -> dict[str, Tensor | Quantised]:
        """Give every tensor its name.

        Args:
            shapes: Of all parameters of the network, in the order of registration.

        Raises:
            PickleError: The state is not of such a network, or is damaged.
        """
        large = self._large(shapes)
        if len(large) != len(self.quantized) or len(shapes) - len(large) != len(self.rest):
            raise PickleError(
                f"a quantised state of {len(self.quantized)} + {len(self.rest)} tensors "
                f"for a network of {len(shapes)}"
            )
        entries, rest = iter(self.quantized), iter(self.rest)
        return {
            name: self._entry(next(entries), shape) if name in large else next(rest)
            for name, shape in shapes.items()
        }

    def _large(self, shapes: Shapes) -> set[str]:
        """Return the names of the quantised parameters: the largest, less the excluded."""
        exclude = _list(self.options.get("exclude", []))
        if len(exclude) > MOST_PATTERNS or not all(map(_is_pattern, exclude)):
            raise PickleError("patterns of names that are too many, or none")
        sizes = {
            name: prod(shape)
            for name, shape in shapes.items()
            if not any(fnmatch(name, pattern) for pattern in exclude)
        }
        if not self.quantized or not sizes:
            return set()
        ranked = sorted(sizes.values(), reverse=True)
        least = ranked[min(len(self.quantized), len(ranked)) - 1]
        return {name for name, size in sizes.items() if size >= least}

    def _entry(self, entry: Any, shape: tuple[int, ...]) -> Quantised:
        try:
            levels, (low, high), *widths = entry
            if not (isfinite(low) and isfinite(high)):
                raise PickleError("a quantised tensor between infinite values")
            bits: Tensor | int
            if widths:
                levels, bits = self._groups(levels, widths[0], prod(shape))
            else:
                levels = self._integers(levels, prod(shape)).reshape(1, -1)
                bits = self._count("bits", UNIFORM_BITS, MOST_BITS)
            found = Quantised(levels, bits, float(low), float(high), shape)
            return _rounded(found, self._count("round_to", 0, UNIFORM_BITS) if widths else 0)
        except (TypeError, ValueError, RuntimeError, IndexError, ArithmeticError) as error:
            raise PickleError(f"a damaged quantised tensor ({type(error).__name__})") from error

    def _groups(self, levels: Any, widths: Any, count: int) -> tuple[Tensor, Tensor]:
        if self.unpack is None:
            return _tensor(levels), _tensor(widths)
        size = self._count("group_size", GROUP, count)
        least = self._count("min_bits", LEAST_BITS, MOST_BITS)
        if len(_list(levels)) > MOST_BITS:
            raise PickleError("levels of more bits than there are")
        bits = self._integers(widths, count // size).reshape(-1, 1) + least
        unpacked = torch.zeros(count // size, size, dtype=torch.int16)
        # The library never packs groups of 15 bits, though it may make them.
        for width, packed in enumerate(levels, start=1):
            rows = bits[:, 0] == width
            if packed is not None:
                number = int(rows.sum()) * size
                unpacked[rows] = self._integers(packed, number).reshape(-1, size)
            elif rows.any():
                raise PickleError(f"no levels of the groups of {width} bits")
        if int(bits.max()) > len(levels):
            raise PickleError(f"groups of {int(bits.max())} bits, which are never stored")
        return unpacked, bits.to(torch.uint8)

    def _count(self, option: str, usual: int, most: int) -> int:
        """Return an option that is a number, which its authors' code may hold as a float."""
        if option not in self.options:
            return usual
        value = self.options[option]
        if not isinstance(value, int | float) or not 1 <= value <= most:
            raise PickleError(f"a quantiser with another '{option}' than 1 to {most}")
        return int(value)

    def _integers(self, stored: Any, count: int) -> Tensor:
        values = _tensor(stored)
        return values if self.unpack is None else self.unpack(values, count).to(torch.int16)


def _rounded(weights: Quantised, bits: int) -> Quantised:
    """Round to fewer bits, all groups alike; 0 leaves them."""
    if not bits or weights.high <= weights.low:
        return weights
    share = (weights.dequantise() - weights.low) / (weights.high - weights.low)
    levels = (share * (2**bits - 1)).round().to(torch.uint8).reshape(weights.levels.shape)
    return replace(weights, levels=levels, bits=bits)


def parse(state: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> DiffQState:
    """Read a quantised state.

    Args:
        state: As the library saved it.
        options: What the quantiser was made with, where the state does not say.

    Raises:
        PickleError: It is of a kind not read here.
    """
    if not isinstance(state, dict) or "quantized" not in state:
        raise PickleError("something else than a quantised state")
    meta = _dict(state.get("meta") or {})
    known = meta.get("klass", Name("diffq.diffq.DiffQuantizer"))
    if not isinstance(known, Name):
        raise PickleError("a state quantised by nobody")
    if known.text.rpartition(".")[2] not in ("DiffQuantizer", "UniformQuantizer"):
        raise PickleError(f"a state quantised by {known.text[:60]!r}")
    unpack = None
    if meta.get("packed"):
        unpack = unpack_short if meta.get("torch_pack") else unpack_long
    rest = [*_list(state.get("float16", [])), *_list(state.get("others", []))]
    if state.get("float16") and state.get("others"):
        raise PickleError("a state with both float16 and other tensors")
    return DiffQState(
        quantized=_list(state["quantized"]),
        rest=[_tensor(tensor) for tensor in rest],
        options={**(options or {}), **_dict(meta.get("init_kwargs", {}))},
        unpack=unpack,
    )


def unpack_long(packed: Tensor, count: int) -> Tensor:
    """Undo the packing of (lines, bits, 32) words of 64 values each."""
    if packed.ndim != 3 or packed.dtype != torch.int64 or packed.shape[2] != 32:
        raise PickleError("levels packed in an unknown way")
    _require_packed(count, 2048, lines=packed.shape[0], bits=packed.shape[1])
    places = torch.arange(64)[:, None]
    values = torch.zeros(packed.shape[0], 64, packed.shape[2], dtype=torch.int64)
    for bit in range(packed.shape[1]):
        values |= ((packed[:, bit, None, :] >> places) & 1) << bit
    return values.flatten()[:count]


def unpack_short(packed: Tensor, count: int) -> Tensor:
    """Undo the packing of (bits, groups) words of as many values as they have bits."""
    width = 8 * packed.dtype.itemsize
    if packed.ndim != 2 or packed.dtype not in (torch.uint8, torch.int16, torch.int32, torch.int64):
        raise PickleError("levels packed in an unknown way")
    _require_packed(count, width, lines=packed.shape[1], bits=packed.shape[0])
    places = torch.arange(width)
    values = torch.zeros(packed.shape[1], width, dtype=torch.int64)
    for bit, words in enumerate(packed.long()):
        values |= ((words[:, None] >> places) & 1) << bit
    return values.flatten()[:count]


def _require_packed(count: int, line: int, *, lines: int, bits: int) -> None:
    """Refuse more than what so many values need: what is empty can have any length."""
    if not 1 <= bits <= MOST_BITS or lines != -(-count // line):
        raise PickleError(f"{lines} lines of {bits} bits for {count} levels")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise PickleError(f"a {type(value).__name__} where a list belongs")
    return list(value)


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PickleError(f"a {type(value).__name__} where a dict belongs")
    return value


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_PATTERN


def _tensor(stored: Any) -> Tensor:
    if isinstance(stored, Stored):
        return stored.tensor()
    if isinstance(stored, Tensor):
        return stored
    raise PickleError("something else where a tensor belongs")
