"""Paths as frameworks write them, in one form."""

from __future__ import annotations

import pytest

from qualitygate.frameworks.paths import angles, braces, joined, path_text, regex, under
from qualitygate.model.values import Choice, Known, Pattern, Unknown, Value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/users/{user_id:int}", "/users/{user_id}"),
        ("/years/{year:\\d{4}}/{month:[0-9]{2}}", "/years/{year}/{month}"),
        ("/plain/{name}", "/plain/{name}"),
    ],
)
def test_types_and_patterns_in_braces_go(written: str, read: str) -> None:
    assert braces(written) == read


def test_converters_in_angles_go() -> None:
    assert angles("/users/<int:user_id>/<name>/<path:rest>") == "/users/{user_id}/{name}/{rest}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"^users/(?P<pk>[^/.]+)/$", "users/{pk}/"),
        (r"/items/(\d+)/parts/([^/]+)", "/items/{0}/parts/{1}"),
        (r"^old\.html$", "old.html"),
        (r"/(?:api/)list/?", "/api/list/"),
    ],
)
def test_regular_expressions_become_paths(written: str, read: str) -> None:
    assert regex(written) == read


def test_a_rule_stands_under_its_prefix_with_one_slash() -> None:
    assert [under("/v1", "/a"), under("/v1/", "a"), under("/v1", ""), under("", "a")] == ["/v1/a", "/v1/a", "/v1", "a"]


def test_layers_are_joined_with_single_slashes() -> None:
    assert [joined("/", "api/", "/v1//users/"), joined("", "/")] == ["/api/v1/users", "/"]


@pytest.mark.parametrize(
    ("value", "text", "doubt"),
    [
        (None, "", ""),
        (Known("/a"), "/a", ""),
        (Choice((Known("/a"), Known("/b"))), "/a", "a part of the path depends on a condition"),
        (Choice((Known("/a"), Known("/b")), default=True), "/a", ""),
        (Pattern(("/a/", None)), "/a/{?}", "a part of the path is not known"),
        (Unknown("it is read from a file"), "{?}", "a part of the path is not known (it is read from a file)"),
    ],
)
def test_what_is_not_sure_of_a_path_is_told(value: Value | None, text: str, doubt: str) -> None:
    assert path_text(value) == (text, doubt)
