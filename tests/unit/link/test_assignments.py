"""Which assignments and settings a check sees."""

from __future__ import annotations

from textwrap import dedent

from qualitygate.link import link
from qualitygate.link.program import link_program
from qualitygate.model.calls import Assignment
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.source import Language, Role, Text
from qualitygate.parse.python import parse_python


def linked(files: dict[str, str], *names: str) -> Project:
    facts = [
        FileFacts(
            path,
            Language.PYTHON,
            Role.APPLICATION,
            module=parse_python(Text.of(dedent(text).lstrip("\n"))).module(),
        )
        for path, text in files.items()
    ]
    return link(facts, link_program(facts, frozenset(), frozenset(names)))


def assigned(program: str, *names: str) -> list[Assignment]:
    return list(linked({"app.py": program}, *names).assignments)


def test_names_attributes_and_keys_are_seen() -> None:
    found = assigned(
        """
        DEBUG = True
        app.debug = False
        app.config["DEBUG"] = "1"
        app.config.update(DEBUG=0)
        app.config.from_mapping({"DEBUG": None})
        """,
        "DEBUG",
        "debug",
    )
    assert [(item.target, item.name, item.value.value) for item in found] == [
        ("", "DEBUG", True),
        ("app", "debug", False),
        ("app.config", "DEBUG", "1"),
        ("app.config", "DEBUG", 0),
        ("app.config", "DEBUG", None),
    ]


def test_the_owner_is_the_class_or_function() -> None:
    found = assigned(
        """
        class Config:
            DEBUG = True

            def load(self):
                self.DEBUG = False
        """,
        "DEBUG",
    )
    assert [item.owner for item in found] == ["app.py:Config", "app.py:Config.load"]


def test_a_value_under_a_condition_is_told() -> None:
    found = assigned("import os\nif os.name:\n    DEBUG = True\nDEBUG = False\n", "DEBUG")
    assert [item.conditional for item in found] == [True, False]


def test_a_value_from_the_environment_is_its_default() -> None:
    (found,) = assigned('import os\nDEBUG = os.environ.get("DEBUG", "yes")\n', "DEBUG")
    assert (found.value.kind, found.value.value) == ("setting", "yes")


def test_nothing_is_seen_that_nobody_asks_for() -> None:
    project = linked({"app.py": "INSTALLED_APPS = []\nDEBUG = True\n"})
    assert project.assignments == ()
    assert [settings.values for settings in project.settings] == [{}]


def test_settings_take_over_names_with_a_star() -> None:
    project = linked(
        {
            "conf/base.py": "INSTALLED_APPS = []\nDEBUG = True\nHSTS = 1\n",
            "conf/production.py": "from .base import *\n\nDEBUG = False\n",
            "conf/other.py": "DEBUG = True\n",
        },
        "DEBUG",
        "HSTS",
    )
    base, production = project.settings
    assert (base.path, base.bases, base.values["DEBUG"].value) == ("conf/base.py", (), True)
    assert (production.path, production.bases) == ("conf/production.py", ("conf/base.py",))
    assert production.values["DEBUG"].value is False
    inherited = production.values["HSTS"].place
    assert inherited is not None
    assert (inherited.path, inherited.span.line) == ("conf/base.py", 3)
