"""In: the text of a limit or a quantity, ``< 200 ms``, ``>= expected_load.rps * 1.2``. Out: it as a number in a known unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from qualitygate.model.policy import Bound

# What each unit measures, and how many of the first of its kind it is.
_UNITS: Mapping[str, tuple[str, float]] = {
    "s": ("time", 1),
    "ns": ("time", 1e-9),
    "us": ("time", 1e-6),
    "µs": ("time", 1e-6),
    "ms": ("time", 1e-3),
    "min": ("time", 60),
    "h": ("time", 3600),
    "d": ("time", 86400),
    "ratio": ("share", 1),
    "%": ("share", 0.01),
    "rps": ("rate", 1),
    "/s": ("rate", 1),
    "rpm": ("rate", 1 / 60),
    "/min": ("rate", 1 / 60),
    "B": ("size", 1),
    "kB": ("size", 1e3),
    "MB": ("size", 1e6),
    "GB": ("size", 1e9),
    "KiB": ("size", 2**10),
    "MiB": ("size", 2**20),
    "GiB": ("size", 2**30),
    "": ("count", 1),
}
_OPERATOR = re.compile(r"\s*(<=|>=|==|<|>)\s*")
_NUMBER = re.compile(r"(\d{1,15}(?:_\d{1,15})*(?:\.\d{1,15})?)\s{0,9}([%/A-Za-zµ]*)\s*$")
_VARIABLE = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)\s*(?:\*\s*(\d{1,9}(?:\.\d{1,9})?)\s*)?$")


class LimitError(ValueError):
    """A text that is no limit; the argument is one clause for the user."""


class Variable(NamedTuple):
    """A variable that a limit may rest on: its unit, and its value in that unit (None: not set)."""

    unit: str
    value: float | None


def parse_bound(text: str, unit: str | None, variables: Mapping[str, Variable]) -> Bound:
    """The limit that ``text`` states, for numbers in ``unit`` (None: whatever the limit is written in).

    A limit is an operator (``<``, ``<=``, ``>``, ``>=``, ``==``) and a number with its unit, or a variable, which may be
    multiplied by a number. Raises :class:`LimitError`.
    """
    sign = _OPERATOR.match(text)
    if sign is None:
        raise LimitError(f"{_cut(text)!r} begins with none of <, <=, >, >=, ==")
    rest = text[sign.end() :]
    if named := _VARIABLE.match(rest):
        return _variable(sign[1], named[1], named[2], unit, variables)
    value, written = _quantity(rest)
    scale = _scale(written, written if unit is None else unit)
    return Bound(f"{sign[1]} {_shown(value, written)}", sign[1], _exact(value * scale), written, scale)


def parse_quantity(text: str, unit: str) -> float:
    """How many of ``unit`` a text such as ``14 d`` or ``0.1 %`` states. Raises :class:`LimitError`."""
    value, written = _quantity(text)
    return _exact(value * _scale(written, unit))


def _exact(value: float) -> float:
    """A product without what binary fractions add: 70 % is 0.7, not 0.7000000000000001."""
    return float(f"{value:.12g}")


def _variable(
    operator: str, name: str, factor: str | None, unit: str | None, variables: Mapping[str, Variable]
) -> Bound:
    if name not in variables:
        known = ", ".join(sorted(variables))
        raise LimitError(f"{_cut(name)!r} is no variable with a number; these are: {known}")
    variable = variables[name]
    scale = _scale(variable.unit, variable.unit if unit is None else unit)
    rule = f"{name} * {factor}" if factor else name
    if variable.value is None:
        return Bound(f"{operator} {rule}", operator, None, variable.unit, scale, name)
    value = _exact(variable.value * float(factor or 1))
    text = f"{operator} {_shown(value, variable.unit)} ({rule})"
    return Bound(text, operator, _exact(value * scale), variable.unit, scale, name)


def _quantity(text: str) -> tuple[float, str]:
    match = _NUMBER.match(text.strip())
    if match is None:
        raise LimitError(f"{_cut(text.strip())!r} is no number with a unit, such as 200 ms, 0.1 % or 5 min")
    if match[2] not in _UNITS:
        raise LimitError(f"unknown unit {_cut(match[2])!r}; known are {', '.join(filter(None, _UNITS))}")
    return float(match[1].replace("_", "")), match[2]


def _scale(written: str, wanted: str) -> float:
    kind, size = _UNITS[written]
    wanted_kind, wanted_size = _UNITS[wanted]
    if kind != wanted_kind:
        units = [unit for unit, (one, _) in _UNITS.items() if one == wanted_kind]
        if wanted_kind == "count":
            raise LimitError(f"this is a count, without a unit, not a {kind}")
        if not written:
            raise LimitError(f"the number needs a unit: {', '.join(units)}")
        raise LimitError(f"{written!r} is a unit of {kind}, and a {wanted_kind} is asked for: {', '.join(units)}")
    return size / wanted_size


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def _shown(value: float, unit: str) -> str:
    return f"{value:g} {unit}".rstrip() if abs(value) < 1e6 else f"{value:,.0f} {unit}".rstrip()
