"""In: a linked project. Out: the settings that production runs with, and what a name says about where code runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Place, Project, Role, Span
from qualitygate.model.calls import Argument, Settings
from qualitygate.model.facts import Setting

_DEVELOPMENT = re.compile(
    r"(?:^|[^a-z])(?:dev|devel|develop|development|local|localhost|test|tests|testing|ci|debug|example|sample|demo|sandbox"
    r"|e2e|playground|cypress|selenium|docker_?local|benchmark|docs)(?:[^a-z]|$)"
)
# Files of variables that no deployment uses as they are, and pipelines.
_SPARE = re.compile(
    r"(?:^|[./_-])(?:override|template|dist|tmpl|default|defaults|github|gitlab-ci|circleci|devcontainer|pipelines)(?:[./_-]|$)"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_development(name: str) -> bool:
    """Whether a path, or the owner `path:Class`, says that it is for development or tests.

    Its last two parts count by their words, folders further up by their whole name.
    """
    parts = _HUMP.sub("_", name.replace(".py", "")).lower().split("/")
    return any(_DEVELOPMENT.search(part) for part in parts[-2:]) or any(map(_DEVELOPMENT.fullmatch, parts[:-2]))


def production(project: Project) -> list[Settings]:
    """The settings modules of Django that are not for development, and that no other such module takes over."""
    judged = [settings for settings in project.settings if not is_development(settings.path)]
    taken = {base for settings in judged for base in settings.bases}
    return [settings for settings in judged if settings.path not in taken]


def place_of(settings: Settings, name: str) -> Place:
    """Where a value of a settings module is assigned; the module's first line where that is not known."""
    value = settings.values.get(name)
    if value is not None and value.place is not None:
        return value.place
    return Place(settings.path, Span(1, 1, 1, 1))


def texts(argument: Argument | None) -> tuple[str, ...]:
    """The texts of a list, a tuple or a single text, as far as they are known."""
    if argument is None:
        return ()
    if argument.kind == "items":
        return tuple(item.value for item in argument.items if isinstance(item.value, str))
    return (argument.value,) if isinstance(argument.value, str) else ()


def is_true(argument: Argument | None) -> bool:
    """Whether a value is surely true."""
    return argument is not None and argument.kind == "constant" and argument.complete and argument.value is True


def is_false(argument: Argument | None) -> bool:
    """Whether a value is surely false."""
    return argument is not None and argument.kind == "constant" and argument.complete and argument.value is False


def defaults_to_true(argument: Argument | None) -> bool:
    """Whether a value comes from the environment or the settings and is true where these say nothing."""
    return argument is not None and argument.kind == "setting" and argument.complete and argument.value is True


def variables(project: Project) -> Iterator[tuple[str, Setting, Place]]:
    """The environment variables that files of the project set for a deployment: path, variable, place."""
    for file in project.files:
        if file.role is not Role.APPLICATION or is_development(file.path) or _SPARE.search(file.path.lower()):
            continue
        for variable in file.variables:
            yield file.path, variable, Place(file.path, variable.span)


def is_deployed(path: str) -> bool:
    """Whether a file of variables is surely for a deployment: a container file, or one that is named for production."""
    name = path.rsplit("/", 1)[-1].lower()
    return "dockerfile" in name or "containerfile" in name or "prod" in path.lower()
