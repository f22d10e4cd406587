"""In: a followed program. Out: the models that it declares, each with the operations that would make its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qualitygate.frameworks import django_models, sqlalchemy_models
from qualitygate.link.evaluate import Evaluator
from qualitygate.link.schema import label_of, setting_of
from qualitygate.model.facts import FileFacts
from qualitygate.model.schema import Model


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
