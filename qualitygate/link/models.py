"""In: the models that the code declares, and the tables of all migrations. Out: the models, each with the table it declares."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qualitygate.link.schema import build, driver_of
from qualitygate.model.facts import FileFacts
from qualitygate.model.schema import History, Model, OperationKind, Table


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
