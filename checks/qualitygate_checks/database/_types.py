"""In: the types of a column before and after. Out: whether PostgreSQL writes the table anew for the change.

What is free was measured on PostgreSQL 15 (`benchmarks/locks.py` measures it again): a change that only loosens a length
or precision, or that is binary coercible (pg_cast.castmethod = 'b' with no length to check).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMES = {
    "character varying": "varchar",
    "char varying": "varchar",
    "character": "char",
    "bpchar": "char",
    "int": "integer",
    "int4": "integer",
    "serial": "integer",
    "serial4": "integer",
    "int8": "bigint",
    "bigserial": "bigint",
    "serial8": "bigint",
    "int2": "smallint",
    "smallserial": "smallint",
    "decimal": "numeric",
    "bool": "boolean",
    "float": "double precision",
    "float8": "double precision",
    "float4": "real",
    "bit varying": "varbit",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}
_BUILT_IN = frozenset(_NAMES.values()) | frozenset(
    """text bytea date uuid json jsonb xml inet cidr macaddr macaddr8 money bit interval point line lseg box path polygon
    circle tsvector tsquery citext hstore int4range int8range numrange daterange tsrange tstzrange oid name""".split()
)
# pg_cast.castmethod = 'b', both ways where both are so
_SAME_BYTES = frozenset({("varchar", "text"), ("text", "varchar"), ("cidr", "inet")})
# The same bytes in another order, so that indexes do not hold.
_SAME_BYTES_REORDERED = frozenset(
    {
        ("citext", "text"),
        ("citext", "varchar"),
        ("text", "citext"),
        ("varchar", "citext"),
        ("integer", "oid"),
        ("oid", "integer"),
        ("bit", "varbit"),
        ("varbit", "bit"),
    }
)
# Types whose number in parentheses may grow, or go, without a look at the rows.
_LOOSENED = frozenset({"varchar", "varbit", "time", "timetz", "timestamp", "timestamptz", "interval"})
_TYPE = re.compile(
    r"(?P<name>[a-z0-9_. ]+?) ?(?:\((?P<numbers>[0-9, ]*)\))? ?(?P<rest>(?:with|without) time zone)? ?(?P<array>(?:\[\d*\])*)"
)
_ZONES = frozenset({("timestamp", "timestamptz"), ("timestamptz", "timestamp")})


@dataclass(frozen=True)
class Type:
    """A type by the name that PostgreSQL knows it by, the numbers in its parentheses, and whether it is an array."""

    name: str
    numbers: tuple[int, ...] = ()
    array: bool = False

    @property
    def built_in(self) -> bool:
        """Whether PostgreSQL or one of its own extensions brings the type."""
        return self.name in _BUILT_IN


def parsed(written: str) -> Type | None:
    """The type behind its writing; None where the writing is none that is known."""
    lowered = " ".join(written.lower().replace('"', "").split()).removeprefix("pg_catalog.").removeprefix("public.")
    match = _TYPE.fullmatch(lowered)
    if match is None:
        return None
    name = f"{match['name']} {match['rest'] or ''}".strip()
    numbers = tuple(int(number) for number in re.findall(r"\d+", match["numbers"] or ""))
    name = _NAMES.get(name, name)
    if name in ("char", "bit") and not numbers:
        numbers = (1,)
    if name == "numeric" and len(numbers) == 1:
        numbers = (*numbers, 0)
    return Type(name, numbers, bool(match["array"]))


def change(old: str, new: str) -> str:
    """What a change of type costs: `free`, `rewrite`, `reorder` (indexes on the column are built anew), `zone` (free only
    where the session's time zone is UTC), or empty where a type is not known.

    A type that PostgreSQL does not bring may be a domain over the other one: a change to or from it is not known, unless
    the other side is nothing that a domain could be stored as without a look at the rows.
    """
    before, after = parsed(old), parsed(new)
    if before is None or after is None:
        return ""
    if before == after:
        return "free"
    if not (before.built_in and after.built_in):
        return "rewrite" if before.array != after.array else ""
    if before.array or after.array:
        # even from varchar[] to text[] each array is put together anew
        return "rewrite"
    if before.name == after.name:
        return "free" if _loosens(before, after) else "rewrite"
    if (before.name, after.name) in _ZONES:
        return "zone" if _loosens(Type("timestamp", before.numbers), Type("timestamp", after.numbers)) else "rewrite"
    if after.numbers:
        return "rewrite"
    pair = (before.name, after.name)
    return "free" if pair in _SAME_BYTES else "reorder" if pair in _SAME_BYTES_REORDERED else "rewrite"


def _loosens(before: Type, after: Type) -> bool:
    if before.name == "numeric":
        if not after.numbers or not before.numbers:
            return not after.numbers
        return after.numbers[0] >= before.numbers[0] and after.numbers[1] == before.numbers[1]
    if before.name not in _LOOSENED:
        return False
    full = 6 if before.name not in ("varchar", "varbit") else None
    first = before.numbers[0] if before.numbers else full
    second = after.numbers[0] if after.numbers else full
    return second is None or (first is not None and second >= first)
