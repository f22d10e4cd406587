"""A list that is kept as numbered columns.

What it flags: two or more columns of one table, in the schema as it stands after all migrations, whose names differ only
in a number that counts on without a gap (`phone1`, `phone2`; `image_1_url`, `image_2_url`; `tag`, `tag2`, `tag3`) and
whose types are alike. Left alone are names that hold a number for another reason (`md5`, `ipv4`, `address_line_2`, `x1`),
and tables that keep many numbered columns on purpose as a pool (ten and more). The confidence is low for a pair, which is
often a fixed two, and where two such lists stand side by side as the ends of something. One finding a table.

Why: the fourth value needs a migration, a search asks every column, an index serves one of them, and nothing says that
the second may not be filled while the first is empty. It is the first normal form that is given up.

How to mend: a table of its own with a row for each value and a key to this one, or an array or JSON column where the
values are only ever read together.

What it cannot see: whether the number of values is fixed by nature, as with the two lines of an address. Then an answer
in the file is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Column, Table
from qualitygate_checks.database._tables import as_clauses, at, confidence, made, stored

_NUMBERED = re.compile(r"(?P<head>.*?[^0-9])(?P<number>[0-9]{1,2})(?P<tail>(?:_[a-z_]*)?)", re.IGNORECASE)
# Words whose number is a part of a name, and lists that have a fixed length by nature.
_OTHER = re.compile(
    r"(?:^|_)(?:md|sha|ipv?|utf|base|oauth|saml|s|http|h|mp|k|v|ver|version|level|lvl|tier|iso|alpha|code_iso|p|px|q|d|pct"
    r"|percentile|day|days|week|hour|hours|month|year|min|top|co|pm|no|h|id|ean|upc|sic|naics|line|street|address|addr"
    r"|adresse|addressline|grade|class|quarter|dim|x|y|z|lat|lon|lng|log|int|float|uint|crc|ed|rs|es|hs|i|port|phase"
    r"|admin|nuts|admin_level)_?$",
    re.IGNORECASE,
)
_POOL = 10
_SHOWN = 6


def run(project: Project) -> Iterator[Hit]:
    """One hit a table."""
    for table in stored(project):
        groups = [group for group in _groups(table) if len(group) < _POOL]
        if not groups:
            continue
        group = max(groups, key=len)
        names = ", ".join(column.name for column in group[:_SHOWN]) + (", ..." if len(group) > _SHOWN else "")
        paired = len(group) == 2 or len({len(each) for each in groups}) < len(groups) > 1
        sure, doubt = confidence(project, table, Confidence.LOW if paired else Confidence.HIGH)
        place = group[0].place
        others = [column for each in groups for column in each if column is not group[0]]
        yield Hit(
            place=at(place),
            message=f"{table.full_name} keeps a list of {len(group)} in numbered columns ({names})",
            subject=f"{table.full_name}.{group[0].name}",
            why=as_clauses("the next value needs a migration, and each search asks every column", doubt),
            mend="a row for each value in a table of its own, with a key to this one",
            places=(
                *made(table, place),
                *(
                    Place(column.place.path, column.place.span, f"{column.name} {column.type}", column.place.role)
                    for column in others[:_SHOWN]
                ),
            ),
            confidence=sure,
        )


def _groups(table: Table) -> list[list[Column]]:
    """Columns that count on: the same name and type, numbers without a gap from 0, 1 or 2 on."""
    numbered: dict[tuple[str, str, str], dict[int, Column]] = {}
    plain = {column.name: column for column in table.columns}
    keyed = {name for key in table.foreign_keys for name in key.columns} | set(table.primary_key)
    for column in table.columns:
        match = _NUMBERED.fullmatch(column.name)
        if match is None or _OTHER.search(match["head"]):
            continue
        head = match["head"]
        if len(head.strip("_")) < 2:
            continue
        numbered.setdefault((head, match["tail"], _kind(column)), {})[int(match["number"])] = column
    found = []
    for (head, tail, kind), columns in numbered.items():
        first = plain.get(f"{head.rstrip('_')}{tail}")
        if 1 not in columns and 2 in columns and first is not None and _kind(first) == kind:
            columns[1] = first
        numbers = sorted(columns)
        if len(numbers) < 2 or numbers[0] > 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            continue
        # Two keys to the same table are the two ends of a link.
        if len(numbers) == 2 and all(column.name in keyed for column in columns.values()):
            continue
        found.append([columns[number] for number in numbers])
    return found


def _kind(column: Column) -> str:
    return column.type.partition("(")[0].lower()


CHECK = Check(
    id="repeating-columns",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    do="Normalise to 3NF, denormalise with purpose",
    dont="Over-normalise or ignore it",
    tags=("CWE-1053",),
    run=run,
    examined=lambda project: sum(1 for _ in stored(project)),
    doc=__doc__,
    bad=(
        example(
            """
            CREATE TABLE contacts (
                id bigserial PRIMARY KEY,
                name text NOT NULL,
                phone1 text, -- <- flagged
                phone2 text,
                phone3 text
            );
            """,
            "telephone numbers",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE products (
                        id bigserial PRIMARY KEY,
                        image_url text -- <- flagged
                    );
                    """,
                "migrations/0002_images.up.sql": """
                    ALTER TABLE products ADD COLUMN image2_url text, ADD COLUMN image3_url text;
                    """,
            },
            "more of them with each migration",
        ),
        example(
            """
            from sqlalchemy import Column, Integer, String
            from sqlalchemy.orm import declarative_base

            Base = declarative_base()


            class Survey(Base):
                __tablename__ = "surveys"
                id = Column(Integer, primary_key=True)
                answer_1 = Column(String(200))  # <- flagged
                answer_2 = Column(String(200))
                answer_3 = Column(String(200))
                answer_4 = Column(String(200))
            """,
            "models without migrations",
            path="app/models.py",
        ),
        example(
            {
                "team/migrations/0001_initial.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        initial = True
                        dependencies = []
                        operations = [
                            migrations.CreateModel(
                                name="Match",
                                fields=[
                                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                                    ("player1", models.CharField(max_length=80)),  # <- flagged
                                    ("player2", models.CharField(max_length=80)),
                                    ("player3", models.CharField(max_length=80, null=True)),
                                ],
                            ),
                        ]
                    """,
            },
            "Django",
        ),
    ),
    good=(
        example(
            """
            CREATE TABLE files (
                id bigserial PRIMARY KEY,
                md5 text, sha1 text, sha256 text, ipv4 inet, ipv6 inet,
                address_line1 text, address_line2 text, address_line3 text,
                x1 real, y1 real, x2 real, y2 real
            );
            """,
            "numbers that are parts of names, and lines of an address",
            path="db/schema.sql",
        ),
        example(
            """
            CREATE TABLE phones (id bigserial PRIMARY KEY, contact_id bigint NOT NULL, number text NOT NULL);
            CREATE TABLE moments (id bigserial PRIMARY KEY, p50 real, p90 real, p99 real, day_7 integer, day_30 integer);
            """,
            "a row for each value, and numbers that do not count on",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE contacts (id bigserial PRIMARY KEY, phone1 text, phone2 text, phone3 text);
                    """,
                "migrations/0002_own.up.sql": """
                    CREATE TABLE phones (id bigserial PRIMARY KEY, contact_id bigint NOT NULL, number text NOT NULL);
                    ALTER TABLE contacts DROP COLUMN phone1, DROP COLUMN phone2, DROP COLUMN phone3;
                    """,
            },
            "mended since",
        ),
        example(
            """
            from django.db import models


            class Friendship(models.Model):
                person1 = models.ForeignKey("auth.User", on_delete=models.CASCADE, related_name="+")
                person2 = models.ForeignKey("auth.User", on_delete=models.CASCADE, related_name="+")
                level1 = models.CharField(max_length=10)
                level2 = models.CharField(max_length=10)
            """,
            "two ends of a link",
            path="people/models.py",
        ),
    ),
)
