"""Money in a column that cannot hold it exactly.

What it flags: a column of a floating type (`float`, `real`, `double precision`) in the schema as it stands after all
migrations, whose name says that it holds money (`price`, `unit_cost`, `balance`, `refund_amount`, `salary`, ...). Names
that say something else too are left alone (`price_ratio`, `cost_score`, `tax_rate`, `amount` without more). One finding a
column, where its type was given.

Why: a binary float holds 0.10 only nearly. Sums come out a cent off, equal amounts compare as different, and no later
rounding tells which cent was wrong.

How to mend: `numeric(12, 2)` (Django: `DecimalField`, SQLAlchemy: `Numeric`), or whole cents in a `bigint`.

What it cannot see: what a number means beyond its name, and whether amounts are only estimates for a chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate_checks.database._migrations import doubtful

_FLOAT = re.compile(r"(?:float[48]?|real|double(?: precision)?)\b", re.IGNORECASE)
_MONEY = re.compile(
    r"(?:^|_)(?:prices?|costs?|balance|salary|fees?|refund|revenue|subtotal|invoiced|wages?|deposit|payout|turnover"
    r"|(?:paid|due|refund|order|payment|invoice|tax|discount|net|gross|total)_amount|amount_(?:due|paid|refunded))(?:_|$)"
)
_OTHER = re.compile(
    r"(?:^|_)(?:rate|ratio|factor|score|percent|percentage|pct|weight|count|index|change|trend|avg|average|mean|std|estimated"
    r"|estimate|predicted|per|multiplier|share|function|token|tokens|load|sheet|energy|water|battery|time|seconds|ms|duration|cpu|memory)(?:_|$)"
)


def run(project: Project) -> Iterator[Hit]:
    """One hit a column."""
    told = set()
    for table in sorted(project.tables, key=lambda table: table.dialect != "postgres"):
        for column in table.columns:
            name = column.name.lower()
            if not _FLOAT.match(column.type) or not _MONEY.search(name) or _OTHER.search(name):
                continue
            # the same migrations kept for several databases: one fault
            if (table.full_name, name) in told:
                continue
            told.add((table.full_name, name))
            doubt = doubtful(project, table)
            yield Hit(
                place=Place(column.place.path, column.place.span),
                message=f"{table.full_name}.{column.name} holds money as {column.type}, which rounds it",
                subject=f"{table.full_name}.{column.name}",
                why="its name says money, and a binary float holds most cents only nearly"
                + (f"; {doubt}" if doubt else ""),
                mend="numeric(12, 2), or whole cents in a bigint",
                places=()
                if table.defined_at.path == column.place.path
                else (Place(table.defined_at.path, table.defined_at.span, "the table is made here", "migration"),),
                confidence=Confidence.LOW if doubt else Confidence.MEDIUM,
            )


CHECK = Check(
    id="float-money",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Keep money in exact numbers",
    dont="Keep money in floats",
    tags=("CWE-1339", "CWE-682"),
    gates=("data_consistency",),
    run=run,
    examined=lambda project: sum(len(table.columns) for table in project.tables),
    doc=__doc__,
    bad=(
        example(
            """
            CREATE TABLE lines (
                id bigserial PRIMARY KEY,
                unit_price double precision NOT NULL, -- <- flagged
                shipping_cost real, -- <- flagged
                quantity integer NOT NULL
            );
            """,
            "prices",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE accounts (id bigserial PRIMARY KEY, balance numeric(12, 2) NOT NULL);
                    """,
                "migrations/0002_float.up.sql": """
                    ALTER TABLE accounts ADD COLUMN amount_due float8; -- <- flagged
                    """,
            },
            "added later",
        ),
        example(
            {
                "alembic.ini": "[alembic]\\nscript_location = migrations\\nsqlalchemy.url = postgresql://db/shop\\n",
                "migrations/env.py": "from alembic import context",
                "migrations/versions/0001_orders.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade():
                        op.create_table(
                            "orders",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("total_price", sa.Float(), nullable=False),  # <- flagged
                        )


                    def downgrade():
                        op.drop_table("orders")
                    """,
            },
            "Alembic",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `staff` (
                        `id` INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                        `salary` FLOAT NOT NULL -- <- flagged
                    ) ENGINE=InnoDB;
                """,
            },
            "MySQL",
        ),
    ),
    good=(
        example(
            """
            CREATE TABLE lines (
                id bigserial PRIMARY KEY,
                unit_price numeric(12, 2) NOT NULL,
                shipping_cost_cents bigint,
                price_ratio double precision,
                weight real
            );
            """,
            "exact numbers, and floats that are no money",
            path="db/schema.sql",
        ),
        example(
            """
            CREATE TABLE plants (id bigserial PRIMARY KEY, amount real, tax_rate real, cost_score double precision, cost_time real);
            """,
            "names that say something else",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": "CREATE TABLE accounts (id bigserial PRIMARY KEY, balance float8);",
                "migrations/0002_exact.up.sql": "ALTER TABLE accounts ALTER COLUMN balance TYPE numeric(12, 2);",
            },
            "mended since",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `staff` (
                        `id` INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                        `salary` DECIMAL(12, 2) NOT NULL,
                        `height` FLOAT
                    ) ENGINE=InnoDB;
                """,
            },
            "MySQL",
        ),
    ),
)
