"""SQLAlchemy's models: the tables that classes and declarations of the core stand for."""

from collections.abc import Callable, Mapping

from qualitygate.model.project import Project

Drawn = Callable[[Mapping[str, str]], dict[str, list[str]]]


def test_a_class_inherits_columns_and_finds_types_in_annotations(drawn: Drawn) -> None:
    tables = drawn(
        {
            "app/base.py": """
                from datetime import datetime
                from typing import Annotated
                from uuid import UUID

                from sqlalchemy import DateTime, ForeignKey, MetaData
                from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

                number = Annotated[int, mapped_column(primary_key=True)]


                class Base(DeclarativeBase):
                    type_annotation_map = {datetime: DateTime(timezone=True)}


                class Stamped:
                    created_at: Mapped[datetime]

                    @declared_attr
                    def owner_id(cls) -> Mapped[UUID]:
                        return mapped_column(ForeignKey("users.id"), index=True)


                class Record(Base):
                    __abstract__ = True
                    id: Mapped[number]
                """,
            "app/models.py": """
                import enum
                from typing import Optional

                from sqlalchemy import Index, String, UniqueConstraint, func
                from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

                from app.base import Base, Record, Stamped


                class State(enum.Enum):
                    OPEN = "open"


                class User(Record):
                    __tablename__ = "users"
                    email: Mapped[str] = mapped_column(String(320), unique=True, index=True)
                    nickname: Mapped[str | None]


                class Order(Stamped, Record):
                    __tablename__ = "orders"
                    __table_args__ = (
                        UniqueConstraint("reference", "state"),
                        Index("orders_lower", func.lower("reference")),
                        {"schema": "shop"},
                    )
                    reference: Mapped[str] = mapped_column("ref", String(40))
                    state: Mapped[State]
                    note: Mapped[Optional[str]] = deferred(mapped_column(String))
                    lines: Mapped[list["Line"]] = relationship(back_populates="order")
                """,
        }
    )
    assert set(tables) == {"users", "shop.orders"}
    assert tables["users"] == [
        "email varchar(320) not null app/models.py:16",
        "nickname varchar app/models.py:17",
        "id serial not null app/base.py:25",
        "key (id)",
        "unique ix_users_email (email)",
    ]
    assert "ref varchar(40) not null app/models.py:27" in tables["shop.orders"]
    assert "state state not null app/models.py:28" in tables["shop.orders"]
    assert "note varchar app/models.py:29" in tables["shop.orders"]
    assert "created_at timestamp with time zone not null app/base.py:16" in tables["shop.orders"]
    assert "(owner_id) -> users(id)" in tables["shop.orders"]


def test_names_of_tables_are_worked_out_as_the_libraries_do(drawn: Drawn) -> None:
    tables = drawn(
        {
            "helpdesk/models.py": """
                from flask_sqlalchemy import SQLAlchemy

                db = SQLAlchemy()
                tags = db.Table("tags", db.Column("ticket_id", db.ForeignKey("help_ticket.id"), primary_key=True))


                class HelpTicket(db.Model):
                    id = db.Column(db.Integer, primary_key=True)
                    title = db.Column(db.String(80), nullable=False)


                class Silent(db.Model):
                    __abstract__ = True
                    id = db.Column(db.Integer, primary_key=True)
                """,
            "shop/models.py": """
                import uuid

                from sqlmodel import Field, Relationship, SQLModel


                class ItemBase(SQLModel):
                    title: str = Field(max_length=255)


                class Item(ItemBase, table=True):
                    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
                    owner_id: int | None = Field(default=None, foreign_key="user.id", index=True)
                    owner: "User" = Relationship(back_populates="items")


                class ItemPublic(ItemBase):
                    id: uuid.UUID
                """,
        }
    )
    assert tables == {
        "help_ticket": [
            "id serial not null helpdesk/models.py:8",
            "title varchar(80) not null helpdesk/models.py:9",
            "key (id)",
        ],
        "tags": ["ticket_id  not null helpdesk/models.py:4", "key (ticket_id)", "(ticket_id) -> help_ticket(id)"],
        "item": [
            "id uuid not null shop/models.py:11",
            "owner_id integer shop/models.py:12",
            "title varchar(255) not null shop/models.py:7",
            "key (id)",
            "(owner_id) -> user(id)",
            "index ix_item_owner_id (owner_id)",
        ],
    }


def test_a_child_without_a_table_of_its_own_adds_columns_to_its_parents(drawn: Drawn) -> None:
    tables = drawn(
        {
            "models.py": """
                from sqlalchemy import Column, ForeignKey, Integer, String
                from sqlalchemy.orm import declarative_base

                Base = declarative_base()


                class Employee(Base):
                    __tablename__ = "employee"
                    id = Column(Integer, primary_key=True)


                class Manager(Employee):
                    report = Column(String(20))


                class Engineer(Employee):
                    __tablename__ = "engineer"
                    id = Column(ForeignKey(Employee.id), primary_key=True)
                """
        }
    )
    assert tables["employee"] == [
        "id serial not null models.py:9",
        "report varchar(20) models.py:13",
        "key (id)",
    ]
    assert tables["engineer"] == ["id  not null models.py:18", "key (id)", "(id) -> employee(id)"]


def test_tables_that_migrations_make_are_not_taken_from_models(project: Callable[[Mapping[str, str]], Project]) -> None:
    read = project(
        {
            "app/models.py": """
                from sqlalchemy import Column, Integer
                from sqlalchemy.orm import declarative_base

                Base = declarative_base()


                class User(Base):
                    __tablename__ = "users"
                    id = Column(Integer, primary_key=True)


                class Draft(Base):
                    __tablename__ = "drafts"
                    id = Column(Integer, primary_key=True)
                """,
            "migrations/0001_init.up.sql": "CREATE TABLE users (id serial PRIMARY KEY);",
        }
    )
    assert [(table.name, table.source) for table in read.tables] == [("users", "migrations")]
    assert [model.definition is not None for model in read.models] == [True, True]


def test_a_base_of_a_library_leaves_it_open_which_columns_there_are(
    project: Callable[[Mapping[str, str]], Project],
) -> None:
    read = project(
        {
            "models.py": """
                from advanced_alchemy.base import UUIDAuditBase
                from sqlalchemy.orm import Mapped


                class Tag(UUIDAuditBase):
                    __tablename__ = "tag"
                    name: Mapped[str]
                """
        }
    )
    (table,) = read.tables
    assert (table.name, table.whole, [column.name for column in table.columns]) == ("tag", False, ["name"])


def test_a_column_that_a_setting_chooses_is_the_likelier_of_the_two(drawn: Drawn) -> None:
    tables = drawn(
        {
            "app/models.py": """
                from typing import Annotated

                from sqlalchemy import BigInteger, String
                from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

                from app.settings import settings
                from app.snowflake import generate

                key = Annotated[
                    int,
                    mapped_column(BigInteger, primary_key=True, autoincrement=True)
                    if settings.PLAIN_KEYS
                    else mapped_column(BigInteger, primary_key=True, default=generate),
                ]


                class Base(DeclarativeBase):
                    pass


                class Parcel(Base):
                    __tablename__ = "parcels"
                    id: Mapped[key] = mapped_column(init=False)
                    label: Mapped[str] = mapped_column(String(40)) if settings.SHORT else mapped_column(String(400))
                """,
        }
    )
    assert "key (id)" in tables["parcels"]
    assert [line for line in tables["parcels"] if line.startswith("label varchar(40) not null ")]


def test_a_type_that_is_looked_up_where_it_cannot_be_followed_is_not_known(drawn: Drawn) -> None:
    tables = drawn(
        {
            "app/models.py": """
                from settings import kinds
                from sqlalchemy import Column, Integer
                from sqlalchemy.orm import declarative_base

                Base = declarative_base()
                KINDS = kinds()


                def kind(name):
                    return KINDS[name][0]


                class Order(Base):
                    __tablename__ = "orders"
                    id = Column(Integer, primary_key=True)
                    owner = Column(kind("User"))
                """,
        }
    )
    assert tables == {"orders": ["id serial not null app/models.py:15", "owner  app/models.py:16", "key (id)"]}
