"""In: a followed program, then the tables of all migrations. Out: the models of the code, each with the table it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from qualitygate.frameworks import django_models, sqlalchemy_models
from qualitygate.link.evaluate import Evaluator
from qualitygate.link.schema import build, driver_of, label_of, setting_of
from qualitygate.model.facts import FileFacts
from qualitygate.model.schema import History, Model, OperationKind, Table


def declared(evaluator: Evaluator, files: Sequence[FileFacts]) -> tuple[Model, ...]:
    """The models that the code declares, each with the operations that would make its table."""
    facts = {each.path: each for each in files}
    automatic = setting_of(files, "DEFAULT_AUTO_FIELD").rpartition(".")[2]
    return (
        *django_models.read_models(
            evaluator,
            lambda path: _application(path, facts),
            setting_of(files, "AUTH_USER_MODEL") or "auth.User",
            automatic if automatic in ("AutoField", "BigAutoField") else "AutoField",
        ),
        *sqlalchemy_models.read_models(evaluator),
    )


def _application(path: str, facts: Mapping[str, FileFacts]) -> str:
    """The label of the application of Django that a file belongs to."""
    folder = path.rpartition("/")[0]
    above = folder
    while above:
        if f"{above}/migrations/__init__.py" in facts or f"{above}/apps.py" in facts:
            return label_of(f"{above}/migrations", facts)
        above = above.rpartition("/")[0]
    return (folder.rpartition("/")[0] if folder.endswith("/models") else folder).rpartition("/")[2]


def link_models(
    models: Sequence[Model], files: Sequence[FileFacts], histories: Sequence[History], tables: Sequence[Table]
) -> tuple[tuple[Model, ...], tuple[Table, ...]]:
    """The models with the tables that they declare, and the tables of those that no migrations make.

    Beside migrations a model adds its table only where they change tables of its kin which none of them makes: then they
    began on a database that was there. What else they leave out may belong to another database.
    """
    if not models:
        return (), ()
    made = build(driver_of(files), models)
    linked = tuple(msgspec.structs.replace(model, operations=(), definition=made.get(model.table)) for model in models)
    known = {name for table in tables for name in (table.full_name, table.name)}
    found = frozenset().union(*(history.found for history in histories))
    # a history that changes tables which it does not make began when others were there
    begun = {model.group for model in models if _names(model) & found}
    # the tables between two models come with the model that names them
    open_tables = {
        name
        for model in models
        if not tables or (model.group in begun and not _names(model) & known)
        for name in _makes(model)
    }
    return linked, tuple(made[name] for name in sorted(open_tables & made.keys()))


def _makes(model: Model) -> frozenset[str]:
    """The tables that a model makes: its own, and those of its many-to-many fields."""
    kind = OperationKind.CREATE_TABLE
    return frozenset(operation.table for operation in model.operations if operation.kind is kind)


def _names(model: Model) -> frozenset[str]:
    """The names by which migrations may know a model's table."""
    return frozenset({model.table, model.table.rpartition(".")[2]})
