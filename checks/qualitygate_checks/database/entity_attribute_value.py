"""A table of names and values that stands for the columns of another.

What it flags: a table, in the schema as it stands after all migrations, that consists of a foreign key, the name of an
attribute (`key`, `attribute`, `name`, `property`, ...), and one value of text or JSON (`value`, ...), beside nothing but
its own key, times and who wrote it. The confidence is medium where a unique key holds entity and name together, since
then the rows are fields of the entity, and low where nothing does. Tables of settings, preferences, translations, headers
and labels are left alone: what they hold is open by its nature.

Why: the database can neither give such a field a type nor require it, no foreign key holds on it, a search for two fields
joins the table twice, and reading one entity gathers rows. It is the price of not knowing the fields; mostly they are
known.

How to mend: columns for the fields that are known. A `jsonb` column on the entity for those that users invent, with an
index where they are searched.

What it cannot see: whether the names are chosen by users. Then the table may be right; answer the finding in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.schema import Column, Table
from qualitygate_checks.database._tables import as_clauses, at, confidence, is_text, made, stored

_NAMES = re.compile(
    r"(?:key|attr|attribute|attribute_name|attr_name|property|property_name|field|field_name|name|meta_key|key_name"
    r"|param|parameter|option|option_name)",
    re.IGNORECASE,
)
_VALUES = re.compile(
    r"(?:value|val|meta_value|attribute_value|attr_value|field_value|property_value|value_text|text_value|string_value"
    r"|value_string|option_value|data_value)",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"(?:id|uuid|guid|created|updated|modified|changed|deleted|created_.*|updated_.*|update_at|modified_.*|changed_.*|deleted_.*|date_.*"
    r"|.*_at|.*_on|version|position|sort_order|sequence|tenant_id|organi[sz]ation_id|org_id|type|value_type|data_type)",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"setting|preference|pref(?:s|$)|config|option|translation|i18n|locale|header|label|tag|annotation|cookie|cache"
    r"|environment|env_?var|secret|feature_?flag|log|history|audit|metric|stat(?:s|istic)",
    re.IGNORECASE,
)


def run(project: Project) -> Iterator[Hit]:
    """One hit a table."""
    for table in stored(project):
        found = _read(table)
        if found is None or _OPEN.search(table.name):
            continue
        entity, name, value = found
        together = any(index.unique and set(index.columns) == {*entity, name.name} for index in table.indexes)
        together = together or set(table.primary_key) == {*entity, name.name}
        sure, doubt = confidence(project, table, Confidence.MEDIUM if together else Confidence.LOW)
        target = next(key.references_table for key in table.foreign_keys if key.columns == entity)
        yield Hit(
            place=at(table.defined_at),
            message=f"{table.full_name} keeps fields of {target} as rows of {name.name} and {value.name}",
            subject=table.full_name,
            why=as_clauses(
                f"{value.name} {value.type} holds every field, so that none has a type or a rule of its own",
                f"{', '.join(entity)} and {name.name} are unique together" if together else "",
                doubt,
            ),
            mend=f"columns of {target} for the fields that are known, one jsonb column for the rest",
            places=made(table, value.place),
            confidence=sure,
        )


def _read(table: Table) -> tuple[tuple[str, ...], Column, Column] | None:
    """The columns of the entity, the name and the value, where the table is made of nothing else."""
    name = next((column for column in table.columns if _NAMES.fullmatch(column.name) and is_text(column.type)), None)
    value = next((column for column in table.columns if _VALUES.fullmatch(column.name) and _is_open(column)), None)
    keys = {key.columns for key in table.foreign_keys if len(key.columns) == 1}
    entities = [
        key for key in keys if not re.match(r"created|updated|modified|changed|owner|author|tenant|org", key[0])
    ]
    if name is None or value is None or len(entities) != 1:
        return None
    known = {name.name, value.name, *(column for key in keys for column in key)}
    rest = [column for column in table.columns if column.name not in known]
    return (entities[0], name, value) if all(_BESIDE.fullmatch(column.name) for column in rest) else None


def _is_open(column: Column) -> bool:
    return is_text(column.type) or column.type.lower().startswith(("json", "bytea", "blob"))


CHECK = Check(
    id="entity-attribute-value",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Normalise to 3NF, denormalise with purpose",
    dont="Over-normalise or ignore it",
    run=run,
    examined=lambda project: sum(1 for _ in stored(project)),
    doc=__doc__,
    bad=(
        example(
            """
            CREATE TABLE products (id bigserial PRIMARY KEY, name text NOT NULL);
            CREATE TABLE product_attributes ( -- <- flagged
                id bigserial PRIMARY KEY,
                product_id bigint NOT NULL REFERENCES products (id),
                attribute text NOT NULL,
                value text,
                UNIQUE (product_id, attribute)
            );
            """,
            "attributes of a product",
            path="db/schema.sql",
        ),
        example(
            """
            CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB;
            CREATE TABLE user_meta ( -- <- flagged
                user_id int NOT NULL,
                meta_key varchar(255) NOT NULL,
                meta_value longtext,
                created_at datetime,
                PRIMARY KEY (user_id, meta_key),
                FOREIGN KEY (user_id) REFERENCES users (id)
            ) ENGINE=InnoDB;
            """,
            "MySQL",
            path="db/schema.sql",
        ),
        example(
            """
            from sqlalchemy import ForeignKey, UniqueConstraint
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


            class Base(DeclarativeBase):
                pass


            class Patient(Base):
                __tablename__ = "patients"
                id: Mapped[int] = mapped_column(primary_key=True)


            class Finding(Base):  # <- flagged
                __tablename__ = "patient_fields"
                __table_args__ = (UniqueConstraint("patient_id", "field_name"),)
                id: Mapped[int] = mapped_column(primary_key=True)
                patient_id: Mapped[int] = mapped_column(ForeignKey("patients.id"), index=True)
                field_name: Mapped[str]
                value: Mapped[str | None]
            """,
            "SQLAlchemy, models without migrations",
            path="clinic/models.py",
        ),
        example(
            """
            from django.db import models


            class Device(models.Model):
                serial = models.CharField(max_length=40, unique=True)


            class DeviceProperty(models.Model):  # <- flagged
                device = models.ForeignKey(Device, on_delete=models.CASCADE)
                name = models.CharField(max_length=80)
                value = models.TextField()
                created = models.DateTimeField(auto_now_add=True)

                class Meta:
                    unique_together = [("device", "name")]
            """,
            "Django",
            path="devices/models.py",
        ),
    ),
    good=(
        example(
            """
            CREATE TABLE users (id bigserial PRIMARY KEY);
            CREATE TABLE user_settings (
                user_id bigint NOT NULL REFERENCES users (id), key text NOT NULL, value text, PRIMARY KEY (user_id, key)
            );
            CREATE TABLE app_config (key text PRIMARY KEY, value text);
            """,
            "settings",
            path="db/schema.sql",
        ),
        example(
            """
            CREATE TABLE sensors (id bigserial PRIMARY KEY);
            CREATE TABLE readings (
                id bigserial PRIMARY KEY, sensor_id bigint NOT NULL REFERENCES sensors (id), name text, value double precision
            );
            CREATE TABLE choices (
                id bigserial PRIMARY KEY, sensor_id bigint NOT NULL REFERENCES sensors (id),
                name text, value text, price numeric(9, 2), stock integer
            );
            """,
            "numbers that are measured, and a table with columns of its own",
            path="db/schema.sql",
        ),
        example(
            """
            from django.db import models


            class Article(models.Model):
                title = models.CharField(max_length=200)
                extra = models.JSONField(default=dict)


            class ArticleTranslation(models.Model):
                article = models.ForeignKey(Article, on_delete=models.CASCADE)
                name = models.CharField(max_length=10)
                value = models.TextField()
            """,
            "JSON, and translations",
            path="news/models.py",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE products (id bigserial PRIMARY KEY, name text NOT NULL);
                    CREATE TABLE product_attributes (
                        product_id bigint NOT NULL REFERENCES products (id), attribute text, value text,
                        PRIMARY KEY (product_id, attribute)
                    );
                    """,
                "migrations/0002_json.up.sql": """
                    ALTER TABLE products ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';
                    DROP TABLE product_attributes;
                    """,
            },
            "mended since",
        ),
    ),
)
