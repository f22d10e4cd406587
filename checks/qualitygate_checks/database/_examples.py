"""In: one step. Out: the files of a small backend whose second migration it is, for the examples of checks of migrations."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent

BASE = """
CREATE TABLE teams (id bigserial PRIMARY KEY, name varchar(80) NOT NULL);
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email varchar(320) NOT NULL,
    team_id bigint,
    age integer,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_email_idx ON users (email);
"""
# Where the tools look for the migration of that number, and the line that their files begin with.
_LAYOUTS: Mapping[str, tuple[str, str]] = {
    "diesel": ("migrations/2024-0{}-01-000000_step/up.sql", ""),
    "golang-migrate": ("db/migrations/00000{}_step.up.sql", ""),
    "dbmate": ("db/migrations/2024010{}000000_step.sql", "-- migrate:up\n"),
    "goose": ("sql/0000{}_step.sql", "-- +goose Up\n"),
    "goose without a transaction": ("sql/0000{}_step.sql", "-- +goose NO TRANSACTION\n-- +goose Up\n"),
    "flyway": ("db/migration/V{}__step.sql", ""),
    "prisma": ("prisma/migrations/2024010{}000000_step/migration.sql", ""),
}
_ALEMBIC = """
import sqlalchemy as sa
from alembic import op

revision = "{}"
down_revision = {}


def upgrade() -> None:
{}

def downgrade() -> None:
    op.execute("SELECT 1")
"""
_ALEMBIC_BASE = """
op.create_table(
    "teams",
    sa.Column("id", sa.BigInteger(), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
)
op.create_table(
    "users",
    sa.Column("id", sa.BigInteger(), primary_key=True),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("team_id", sa.BigInteger()),
    sa.Column("age", sa.Integer()),
    sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
)
op.create_index("users_email_idx", "users", ["email"])
"""
_DJANGO = """
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
{}

class Migration(migrations.Migration):
    atomic = {}
    dependencies = [{}]
    replaces = {}
    operations = [
{}
    ]
"""
_DJANGO_BASE = """
migrations.CreateModel(
    name="Team",
    fields=[("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=80))],
),
migrations.CreateModel(
    name="User",
    fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("email", models.CharField(max_length=320)),
        ("team", models.ForeignKey(null=True, on_delete=models.PROTECT, to="shop.team")),
        ("age", models.IntegerField(null=True)),
        ("created_at", models.DateTimeField(auto_now_add=True)),
    ],
    options={"indexes": [models.Index(fields=["email"], name="users_email_idx")]},
),
"""


def sql(layout: str, *steps: str) -> dict[str, str]:
    """The base and then one migration for each step, laid out as that tool wants them."""
    path, head = _LAYOUTS[layout]
    texts = [BASE, *steps]
    return {path.format(number): head + dedent(text).lstrip("\n") for number, text in enumerate(texts, start=1)}


def alembic(*steps: str) -> dict[str, str]:
    """The base and then one revision for each step, which is the body of its `upgrade`."""
    files = {"migrations/env.py": "from alembic import context\nimport psycopg2\n"}
    before = "None"
    for number, body in enumerate((_ALEMBIC_BASE, *steps), start=1):
        revision = f"{number}a2b3c4d5e6f"
        text = indent(dedent(body).strip("\n"), "    ")
        files[f"migrations/versions/{revision}_step.py"] = _ALEMBIC.format(revision, before, text + "\n")
        before = f'"{revision}"'
    return files


def django(*steps: str, atomic: bool = True, above: str = "", replaces: str = "[]") -> dict[str, str]:
    """The base and then one migration for each step, which is its list of operations.

    ``above`` stands over the class, ``replaces`` are the migrations that the steps stand for.
    """
    files = {"config/settings.py": 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}\n'}
    before = ""
    for number, body in enumerate((_DJANGO_BASE, *steps), start=1):
        name = "0001_initial" if number == 1 else f"000{number}_step"
        text = indent(dedent(body).strip("\n"), "        ")
        head = f"\n{dedent(above).strip()}\n" if above and number > 1 else ""
        alone = atomic or number == 1
        files[f"shop/migrations/{name}.py"] = _DJANGO.format(
            head, alone, before, replaces if number > 1 else "[]", text
        )
        before = f'("shop", "{name}")'
    return files
