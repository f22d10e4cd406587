"""What paths, hosts, headers and parameters say by their words."""

import pytest

from qualitygate.vocabulary import (
    host_version,
    is_plural,
    is_selection,
    is_version_parameter,
    is_versioned_media_type,
    last_word,
    next_page_property,
    paging_role,
    path_version,
    purpose,
)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/users",
        "/api/V2/users",
        "/compute/v1beta1/disks",
        "/drive/v1p1beta1",
        "/apis/apps/v1/deployments",
        "/2010-04-01/Accounts",
        "/api/2024-05/carts",
        "/api/3.0/things",
        "/rest/api/3/issue",
        "/apiv1/users",
        "/commit-graph-v1/details",
        "/v{version}/users",
        "/api/{api-version}/users",
        "/seldon/{namespace}/{deployment}/api/v1.0/predictions",
        "/v1.json",
        "/v1.{format}",
    ],
)
def test_a_version_is_seen_in_a_path(path: str) -> None:
    assert path_version(path)


@pytest.mark.parametrize(
    "path",
    [
        "/ip/{ipv4}",
        "/snmpv3/traps",
        "/restv2/users",
        "/alerts_v2",
        "/users/{id}",
        "/",
        "/a/b/c/v1",
        "/files/1000",
        "/vehicles",
    ],
)
def test_a_word_that_only_looks_like_a_version_is_none(path: str) -> None:
    assert not path_version(path)


def test_a_host_may_carry_the_version() -> None:
    assert host_version("v2.api.example.com") == "v2"
    assert host_version("api-v1.example.com:8443") == "api-v1"
    assert not host_version("ipv4.example.com")


def test_a_parameter_chooses_a_version_by_its_name_and_place() -> None:
    assert is_version_parameter("api-version", "query")
    assert is_version_parameter("X-GitHub-Api-Version", "header")
    assert not is_version_parameter("version", "path")
    assert not is_version_parameter("conversion", "query")


def test_a_media_type_may_carry_the_version() -> None:
    assert is_versioned_media_type("application/vnd.shop.v2+json")
    assert is_versioned_media_type("application/json; version=2")
    assert not is_versioned_media_type("application/vnd.ms-excel")
    assert not is_versioned_media_type("application/hal+json")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/", "root"),
        ("/api/", "root"),
        ("/healthz", "health"),
        ("/api/v1/health", "health"),
        ("/health/ready", "health"),
        ("/metrics", "metrics"),
        ("/actuator/info", "metrics"),
        ("/openapi.json", "documentation"),
        ("/api/docs/swagger", "documentation"),
        ("/.well-known/jwks.json", "well-known"),
        ("/oauth/token", "oauth"),
        ("/orders/status", ""),
        ("/oauth/clients", ""),
        ("/oauth2/token#refresh", "oauth"),
        ("/authorize", "oauth"),
        ("/tokens", ""),
        ("/users/{id}/health", ""),
        ("/documents", ""),
    ],
)
def test_the_purpose_of_a_path_is_told_by_its_words(path: str, why: str) -> None:
    assert purpose(path) == why


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("limit", "size"),
        ("per_page", "size"),
        ("$top", "size"),
        ("page[size]", "size"),
        ("searchCriteria[pageSize]", "size"),
        ("numberOfResults", "size"),
        ("users_limit", "size"),
        ("rowCount", "size"),
        ("Page", "position"),
        ("starting_after", "position"),
        ("page[number]", "position"),
        ("filter.cursor", "position"),
        ("skipRecords", "position"),
        ("from", ""),
        ("since", ""),
        ("utc_offset", ""),
        ("country", ""),
        ("discount", ""),
        ("pageType", ""),
    ],
)
def test_a_parameter_pages_by_its_name(name: str, role: str) -> None:
    assert paging_role(name) == role


def test_an_envelope_leads_to_the_next_page_by_a_property() -> None:
    assert next_page_property(["items", "@odata.nextLink"]) == "@odata.nextLink"
    assert next_page_property(["has_more"]) == "has_more"
    assert not next_page_property(["total", "items"])


def test_the_last_word_of_a_path_tells_one_from_many() -> None:
    assert last_word("/users/{id}/regTypes.json") == "types"
    assert last_word("/") == ""
    assert is_plural("invoices")
    assert not is_plural("status")
    assert not is_plural("unmask")


def test_a_path_may_say_that_it_gives_a_few_of_many() -> None:
    assert is_selection("/repos/{owner}/{repo}/traffic/popular/paths")
    assert is_selection("/songs/highlighted")
    assert not is_selection("/top/{id}/sub/songs")
