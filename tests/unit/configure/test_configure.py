"""The configuration: sources, their order, and every fault at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from qualitygate.authoring import Check
from qualitygate.configure import ConfigError, Configuration, configure, find, schema
from qualitygate.model.finding import Confidence, Domain, Severity
from qualitygate.model.policy import Limits, Selection


class Style(str, Enum):
    """How something is written."""

    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True)
class Options:
    """Options of every type that checks use."""

    limit: int = 5
    max_size: Annotated[int, msgspec.Meta(ge=1)] = 50
    names: tuple[str, ...] = ("page",)
    hosts: frozenset[str] = frozenset()
    ratio: float = 0.5
    strict: bool = False
    style: Style = Style.SHORT
    header: str | None = None
    weights: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.limit > self.max_size:
            raise ValueError("limit must not be above max-size")


def check(name: str, options: Any = None) -> Check:
    return Check(
        name, Domain.API, Severity.WARNING, Confidence.HIGH, "Do", "Don't", "A title.", iter, (), (), options=options
    )


CHECKS = (check("missing-pagination", Options()), check("unversioned-route"))


def read(root: Path, text: str = "", *, environ: Mapping[str, str] | None = None, **arguments: Any) -> Configuration:
    if text:
        (root / "qgate.toml").write_text(text)
    given = {key.replace("_", "-"): value for key, value in arguments.items()}
    return configure(CHECKS, root, environ=environ or {}, arguments=given)


def faults(root: Path, text: str, **more: Any) -> list[str]:
    with pytest.raises(ConfigError) as told:
        read(root, text, **more)
    return [str(problem).replace(f"{root.as_posix()}/", "") for problem in told.value.problems]


def test_without_a_file_the_defaults_are_in_force(tmp_path: Path) -> None:
    policy = read(tmp_path).policy
    assert policy.selection == Selection()
    assert policy.limits == Limits()
    assert policy.min_confidence is Confidence.MEDIUM
    assert policy.directory is None
    assert set(policy.origins.values()) == {"default"}


def test_every_key_reaches_the_policy(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        """
        select = ["api", "missing-pagination"]
        ignore = ["unversioned-route"]
        include = ["services/**"]
        exclude = ["legacy/**"]
        min-confidence = "low"
        baseline = "ci/known.json"
        [per-path-ignores]
        "scripts/**" = ["security"]
        [gate]
        errors = "off"
        warnings = 10
        unread = "fail"
        required = ["missing-pagination"]
        [checks.missing-pagination]
        severity = "error"
        max-size = 20
        names = ["page", "cursor"]
        hosts = ["a"]
        ratio = 1
        strict = true
        style = "long"
        header = "Link"
        weights = { a = 1 }
        """,
    ).policy
    assert policy.selection == Selection(
        ("api", "missing-pagination"), ("unversioned-route",), (("scripts/**", ("security",)),)
    )
    assert (policy.include, policy.exclude) == (("services/**",), ("legacy/**",))
    assert policy.min_confidence is Confidence.LOW
    assert policy.baseline == str(tmp_path / "ci/known.json")
    assert policy.directory == tmp_path
    assert policy.limits == Limits(None, 10, None, "fail", ("missing-pagination",))
    assert policy.severities == {"missing-pagination": Severity.ERROR}
    assert policy.options == {
        "missing-pagination": Options(
            5, 20, ("page", "cursor"), frozenset({"a"}), 1.0, True, Style.LONG, "Link", {"a": 1}
        )
    }


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = """\
select = ["api", "missing-paginaton", 3]
ignor = ["x"]
min-confidence = "hgh"
exclude = "legacy"
[gate]
errors = -1
warnings = true
required = ["api"]
[per-path-ignores]
"tests/**" = ["unversioned"]
[checks.missing-pagination]
max_size = 3
max-size = 0
style = "shrt"
names = [
  "a",
  1,
]
weights = { a = "x" }
[checks.nothing]
"""
    assert faults(tmp_path, text) == [
        "qgate.toml:1: select: unknown check or domain 'missing-paginaton'; did you mean 'missing-pagination'?",
        "qgate.toml:1: select must be 'missing-pagination', 'unversioned-route', 'api', 'architecture', 'caching', "
        "'database', 'messaging', 'monitoring', 'scaling' or 'security', not 3",
        "qgate.toml:2: unknown key 'ignor'; did you mean 'ignore'?",
        "qgate.toml:3: min-confidence must be 'high', 'medium' or 'low', not 'hgh'; did you mean 'high'?",
        "qgate.toml:4: exclude must be an array, not 'legacy'",
        "qgate.toml:6: gate.errors must be a whole number of at least 0 or 'off', not -1",
        "qgate.toml:7: gate.warnings must be a whole number of at least 0 or 'off', not true",
        "qgate.toml:8: gate.required: unknown check 'api'; `qgate rules` lists them",
        "qgate.toml:10: per-path-ignores.\"tests/**\": unknown check or domain 'unversioned'; "
        "did you mean 'unversioned-route'?",
        "qgate.toml:12: unknown option 'max_size' of missing-pagination; did you mean 'max-size'?",
        "qgate.toml:13: checks.missing-pagination.max-size must be a whole number of at least 1, not 0",
        "qgate.toml:14: checks.missing-pagination.style must be 'short' or 'long', not 'shrt'; did you mean 'short'?",
        "qgate.toml:17: checks.missing-pagination.names must be text, not 1",
        "qgate.toml:19: checks.missing-pagination.weights.a must be a whole number, not 'x'",
        "qgate.toml:20: unknown check 'nothing'",
    ]


def test_faults_of_all_sources_are_told_together(tmp_path: Path) -> None:
    told = faults(tmp_path, "wrong = 1\n", environ={"QGATE_SELECT": "apii"}, min_confidence="sure")
    assert told == [
        "qgate.toml:1: unknown key 'wrong'",
        "QGATE_SELECT: unknown check or domain 'apii'; did you mean 'api'?",
        "--min-confidence: must be 'high', 'medium' or 'low', not 'sure'",
    ]


def test_a_value_that_the_check_refuses_is_told(tmp_path: Path) -> None:
    assert faults(tmp_path, "[checks.missing-pagination]\nlimit = 60\n") == [
        "qgate.toml:2: checks.missing-pagination: limit must not be above max-size"
    ]


def test_a_check_without_options_takes_a_severity_alone(tmp_path: Path) -> None:
    assert faults(tmp_path, "[checks.unversioned-route]\nlimit = 1\n") == [
        "qgate.toml:2: unknown option 'limit' of unversioned-route"
    ]


@pytest.mark.parametrize("path", ["/etc/passwd", "../known.json", "a/../../b.json", "..\\\\b.json"])
def test_a_file_names_no_baseline_outside_its_folder(tmp_path: Path, path: str) -> None:
    (told,) = faults(tmp_path, f'baseline = "{path}"\n')
    assert told == "qgate.toml:1: baseline must be a path below the folder of the configuration file"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    text = 'min-confidence = "high"\nexclude = ["a"]\n'
    configuration = read(
        tmp_path, text, environ={"QGATE_MIN_CONFIDENCE": "low", "QGATE_EXCLUDE": "b, c"}, min_confidence="medium"
    )
    assert configuration.policy.min_confidence is Confidence.MEDIUM
    assert configuration.policy.exclude == ("b", "c")
    assert configuration.policy.origins["min-confidence"] == "--min-confidence"
    assert configuration.policy.origins["exclude"] == "QGATE_EXCLUDE"


def test_select_of_a_stronger_source_replaces_both_lists(tmp_path: Path) -> None:
    selection = read(
        tmp_path, 'select = ["security"]\nignore = ["unversioned-route"]\n', select=("unversioned-route",)
    ).policy.selection
    assert selection == Selection(("unversioned-route",), ())


def test_ignore_of_a_stronger_source_adds_to_the_list(tmp_path: Path) -> None:
    configuration = read(tmp_path, 'select = ["api"]\nignore = ["caching"]\n', ignore=("database", "caching"))
    assert configuration.policy.selection == Selection(("api",), ("caching", "database"))
    assert configuration.policy.origins["ignore"].endswith("qgate.toml:2, --ignore")


def test_a_baseline_of_the_command_line_is_relative_to_where_the_user_stands(tmp_path: Path) -> None:
    assert read(tmp_path, 'baseline = "a.json"\n', baseline="../b.json").policy.baseline == "../b.json"


def test_the_nearest_file_is_taken_whole(tmp_path: Path) -> None:
    service = tmp_path / "services/orders"
    service.mkdir(parents=True)
    (tmp_path / "qgate.toml").write_text('ignore = ["api"]\n')
    assert read(service).policy.selection.ignore == ("api",)
    (service / "qgate.toml").write_text('select = ["api"]\n')
    assert read(service).policy.selection == Selection(("api",), ())


def test_the_search_ends_at_the_top_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "qgate.toml").write_text('ignore = ["api"]\n')
    inner = tmp_path / "vendor/app"
    inner.mkdir(parents=True)
    assert find(inner) == tmp_path / "qgate.toml"
    (tmp_path / "vendor/.git").mkdir()
    assert find(inner) is None


def test_a_project_file_counts_where_it_has_the_table(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "orders"\n')
    assert find(tmp_path) is None
    project.write_text('[project]\nname = "orders"\n[tool.qgate]\nignore = ["api"]\n')
    assert find(tmp_path) == project
    assert read(tmp_path).policy.selection.ignore == ("api",)
    (tmp_path / ".qgate.toml").write_text("")
    assert find(tmp_path) == tmp_path / ".qgate.toml"
    (tmp_path / "qgate.toml").write_text("")
    assert find(tmp_path) == tmp_path / "qgate.toml"


def test_a_template_of_a_project_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = {{ cookiecutter.name }}\n")
    assert find(tmp_path) is None


def test_a_project_file_that_cannot_be_parsed_and_mentions_the_tool_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = \n[tool.qgate]\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml:2: not TOML: "):
        find(tmp_path)


def test_a_table_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\nqgate = 3\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml:2: the configuration must be a table, not 3"):
        read(tmp_path)
    with pytest.raises(ConfigError, match=r"qgate\.toml:2: gate must be a table, not an array"):
        read(tmp_path, "\ngate = []\n")


def test_a_file_of_absurd_size_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, "# " + "x" * 1_100_000) == ["qgate.toml: is larger than 1 MB"]


def test_isolated_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "qgate.toml").write_text("wrong = 1\n")
    configuration = configure(CHECKS, tmp_path, isolated=True, environ={"QGATE_IGNORE": "api"})
    assert configuration.file is None
    assert configuration.policy.selection.ignore == ("api",)


def test_values_and_origins_name_the_same_keys(tmp_path: Path) -> None:
    configuration = read(tmp_path, '[per-path-ignores]\n"a b/**" = ["api"]\n[checks.missing-pagination]\nlimit = 7\n')
    assert set(configuration.values) == set(configuration.policy.origins)
    assert configuration.values['per-path-ignores."a b/**"'] == ("api",)
    assert configuration.values["checks.missing-pagination.limit"] == 7
    assert configuration.values["checks.missing-pagination.max-size"] == 50


def test_the_schema_says_what_the_validation_says() -> None:
    described = schema(CHECKS)
    Draft202012Validator.check_schema(described)
    validator = Draft202012Validator(described)
    validator.validate({"checks": {"missing-pagination": {"max-size": 3, "severity": "note", "weights": {"a": 1}}}})
    for wrong in (
        {"select": ["nothing"]},
        {"wrong": 1},
        {"gate": {"errors": "none"}},
        {"checks": {"missing-pagination": {"max-size": 0}}},
        {"checks": {"missing-pagination": {"max_size": 3}}},
    ):
        assert not validator.is_valid(wrong), wrong
    options = described["$defs"]["missing-pagination"]["properties"]
    assert options["max-size"] == {"type": "integer", "minimum": 1, "default": 50}
    assert options["severity"]["default"] == "warning"


def test_the_strict_preset_changes_defaults_and_nothing_that_is_given(tmp_path: Path) -> None:
    asked = Options(limit=9, strict=True)
    checks = [dataclasses.replace(check("page-size", Options()), strict=asked), check("other", Options())]

    def configured(text: str) -> Configuration:
        (tmp_path / "qgate.toml").write_text(text)
        return configure(checks, tmp_path, environ={})

    assert configured("").policy.options == {}
    strict = configured('preset = "strict"\n')
    assert strict.policy.options == {"page-size": asked}
    assert strict.values["checks.page-size.limit"] == 9
    given = configured('preset = "strict"\n[checks.page-size]\nstrict = false\n')
    assert given.policy.options == {"page-size": Options(limit=9)}
    with pytest.raises(ConfigError, match="preset must be 'default' or 'strict', not 'strikt'; did you mean 'strict'"):
        configured('preset = "strikt"\n')


@pytest.mark.parametrize("glob", ["*" * 40 + "x", "*a*b*c*d*e*f", "**/a/**/b/**/c/**/d/**/e", "!", "a\\"])
@pytest.mark.parametrize(
    "form", ["exclude = ['app/*', '{}']", "per-path-ignores = {{ '{}' = ['missing-pagination'] }}"]
)
def test_a_glob_that_cannot_be_matched_is_refused(tmp_path: Path, form: str, glob: str) -> None:
    (told,) = faults(tmp_path, form.format(glob) + "\n")
    assert told == f"qgate.toml:1: {glob[:40]!r} is no pattern that can be matched"
