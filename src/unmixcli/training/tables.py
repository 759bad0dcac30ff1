"""From tables of TOML to frozen dataclasses and back; every complaint names its key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from unmixcli.errors import ConfigError, nearest

T = TypeVar("T")

PARAMS = "params"
"""A field that holds whatever other keys its table has."""

KINDS = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}


def read(kind: type[T], table: Any, where: str = "") -> T:
    """Build a dataclass from a table.

    Args:
        kind: The dataclass; its annotations say what each key may hold.
        table: What TOML or JSON gave.
        where: The table's own key, with dots; empty for the whole file.

    Raises:
        ConfigError: A key is unknown or missing, or a value of the wrong type or out of bounds.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where or 'a recipe'} must be a table, got {table!r}")
    hints = get_type_hints(kind)
    declared = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    given = dict(table)
    if PARAMS in declared:
        given = {key: value for key, value in table.items() if key in declared and key != PARAMS}
        given[PARAMS] = {key: value for key, value in table.items() if key not in given}
    for key in given:
        if key not in declared:
            raise unknown(joined(where, key), key, declared)
    for name, field in declared.items():
        if name not in given and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{joined(where, name)} is missing")
    return kind(**{key: _value(hints[key], given[key], joined(where, key)) for key in given})


def dump(value: Any) -> Any:
    """Return a dataclass as tables, lists and plain values."""
    if is_dataclass(value):
        table = {field.name: dump(getattr(value, field.name)) for field in fields(value)}
        params = table.pop(PARAMS, {})
        return {**table, **params}
    if isinstance(value, Mapping):
        return {key: dump(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    return value


def merge(base: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a table over another: tables merge, anything else, lists too, replaces."""
    merged = dict(base)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(under, value) if both else value  # type: ignore[arg-type]
    return merged


def assign(tables: dict[str, Any], assignment: str) -> None:
    """Set one value in place, as ``optim.lr=1e-4`` or ``stages.1.patience=3`` says.

    A value that is no TOML is taken as a string, so that words need no quotes.

    Raises:
        ConfigError: It is no assignment, or a part of the key leads nowhere.
    """
    key, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals or not key:
        raise ConfigError(f"'{assignment}' is no assignment", hint="write key=value")
    *path, last = key.split(".")
    holder: Any = tables
    for part in path:
        holder = _inside(holder, part, key)
    if isinstance(holder, list):
        holder[_index(holder, last, key)] = parsed(text)
    elif isinstance(holder, dict):
        holder[last] = parsed(text)
    else:
        raise ConfigError(f"'{key}' leads nowhere: '{path[-1]}' is a value, not a table")


def parsed(text: str) -> Any:
    """Return what a value of TOML says, or the text itself where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def joined(where: str, key: str) -> str:
    """Return a key with the table's own in front."""
    return f"{where}.{key}" if where else key


def unknown(full: str, key: str, known: Mapping[str, Any]) -> ConfigError:
    """Say that there is no such key, and which were near."""
    hint = nearest(key, known) or f"known are: {', '.join(sorted(known))}"
    return ConfigError(f"unknown key '{full}'", hint=hint)


def _inside(holder: Any, part: str, key: str) -> Any:
    if isinstance(holder, list):
        return holder[_index(holder, part, key)]
    if isinstance(holder, dict) and part in holder:
        return holder[part]
    known = holder if isinstance(holder, dict) else {}
    raise unknown(key, part, known)


def _index(holder: list[Any], part: str, key: str) -> int:
    if not part.isdecimal() or int(part) >= len(holder):
        raise ConfigError(f"'{key}': '{part}' is not one of the {len(holder)} entries, from 0 on")
    return int(part)


def _value(hint: Any, value: Any, where: str) -> Any:
    """Check one value against its annotation, and freeze it."""
    origin = get_origin(hint)
    if is_dataclass(hint):
        return read(hint, value, where)  # type: ignore[arg-type]
    if origin is tuple:
        return _tuple(get_args(hint), value, where)
    if origin is UnionType:
        return value
    if hint in KINDS:
        return _plain(hint, value, where)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a table, got {value!r}")
    return dict(value)


def _tuple(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where} must be a list, got {value!r}")
    endless = hints[-1] is Ellipsis
    if not endless and len(value) != len(hints):
        raise ConfigError(f"{where} must have {len(hints)} entries, got {len(value)}")
    each = [hints[0]] * len(value) if endless else hints
    return tuple(
        _value(hint, item, joined(where, str(index)))
        for index, (hint, item) in enumerate(zip(each, value, strict=True))
    )


def _plain(hint: Any, value: Any, where: str) -> Any:
    # An integer is a number; a bool is an int to Python, but no count of anything.
    allowed = (int, float) if hint is float else hint
    if not isinstance(value, allowed) or isinstance(value, bool) != (hint is bool):
        raise ConfigError(f"{where} must be {KINDS[hint]}, got {value!r}")
    return float(value) if hint is float else value
