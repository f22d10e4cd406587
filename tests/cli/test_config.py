"""The configuration as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from qualitygate.parse.toml import read_toml


def test_each_value_is_shown_with_its_origin(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text('ignore = ["caching"]\nbaseline = "known.json"\n\n[gate]\nwarnings = 3\n')
    shown = qgate("config", "show", "--ignore", "messaging", QGATE_MIN_CONFIDENCE="low").stdout
    lines = {line.split(" = ")[0]: " ".join(line.split()) for line in shown.splitlines()}
    assert lines["ignore"] == 'ignore = ["caching", "messaging"] # qgate.toml:1, --ignore'
    assert lines["gate.warnings"] == "gate.warnings = 3 # qgate.toml:5"
    assert lines["baseline"] == 'baseline = "known.json" # qgate.toml:2'
    assert lines["min-confidence"] == 'min-confidence = "low" # QGATE_MIN_CONFIDENCE'
    assert lines["gate.errors"] == "gate.errors = 0 # default"


def test_each_value_is_shown_as_json(qgate) -> None:
    values = json.loads(qgate("config", "show", "--format", "json").stdout)["values"]
    assert values["min-confidence"] == {"value": "medium", "origin": "default"}


def test_a_sound_configuration_is_confirmed(qgate, repository: Path) -> None:
    assert qgate("config", "verify").stdout == "no configuration file; the defaults are in force\n"
    (repository / ".qgate.toml").write_text('select = ["api"]\n')
    result = qgate("config", "verify")
    assert (result.returncode, result.stdout) == (0, ".qgate.toml: valid\n")


def test_a_faulty_configuration_is_refused_whole(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text("select = 3\nunknown = 1\n")
    result = qgate("config", "verify")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "qgate: error: qgate.toml:1: select must be an array, not 3",
        "qgate: error: qgate.toml:2: unknown key 'unknown'",
    ]


def test_a_named_file_must_be_there(qgate) -> None:
    result = qgate("scan", "--config", "other.toml")
    assert result.returncode == 2
    assert result.stderr == "qgate: error: other.toml: cannot be read: No such file or directory\n"


def test_the_schema_accepts_what_the_command_accepts(qgate) -> None:
    schema = json.loads(qgate("config", "schema").stdout)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    good = read_toml(
        b'select = ["api"]\nmin-confidence = "low"\n[gate]\nwarnings = 3\nnotes = "off"\n'
        b'[per-path-ignores]\n"a/**" = ["database"]\n[checks.missing-pagination]\nseverity = "note"\n'
    )
    validator.validate(good.data)
    for bad in (
        {"selct": []},
        {"select": ["apii"]},
        {"gate": {"errors": -1}},
        {"checks": {"nothing": {}}},
        {"checks": {"missing-pagination": {"severity": "bad"}}},
    ):
        assert not validator.is_valid(bad)


def test_control_characters_of_a_file_do_not_reach_the_terminal(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text('"a\\u001b[2J" = 1\n')
    result = qgate("config", "verify")
    assert result.returncode == 2
    assert "\x1b" not in result.stderr


def test_the_example_of_the_help_is_a_valid_configuration(qgate, repository: Path) -> None:
    shown = qgate("config", "--help").stdout
    example = shown.split("[tool.qgate]):\n")[1].split("\n\n")[0]
    (repository / "qgate.toml").write_text(example)
    assert qgate("config", "verify").stdout == "qgate.toml: valid\n"
