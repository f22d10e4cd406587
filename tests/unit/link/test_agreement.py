"""Which route of the code serves which operation of a contract."""

from __future__ import annotations

from qualitygate.link.agreement import link_agreements, pattern
from qualitygate.model.agreement import Agreement
from qualitygate.model.architecture import Route
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Place, Role, Span
from qualitygate.model.syntax import Import, Module

SPAN = Span(1, 1, 1, 2)


def contract(path: str, *names: str, server: str = "", exempt: str = "") -> Contract:
    place = Place(path, SPAN)
    operations = []
    for number, name in enumerate(names):
        method, _, address = name.partition(" ")
        at = Place(path, Span(number + 2, 1, number + 2, 5))
        operations.append(Operation(method, address, server + address, at, at, exempt=exempt))
    return Contract(path, "3.0", "Shop", "1", place, place, operations=tuple(operations))


def routes(*names: str, file: str = "app/main.py", api: bool = True, exempt: str = "") -> list[Route]:
    found = []
    for number, name in enumerate(names):
        method, _, path = name.partition(" ")
        place = Place(file, Span(number + 1, 1, number + 1, 5))
        found.append(Route(method, path, "fastapi", f"h{number}", place, place, place, api=api, exempt=exempt))
    return found


def agree(one: Contract, served: list[Route], files: tuple[FileFacts, ...] = ()) -> Agreement:
    (found,) = link_agreements([one], served, files, sure=True)
    return found


def names(items: tuple[Operation, ...] | tuple[Route, ...]) -> list[str]:
    return [f"{item.method} {item.path}" for item in items]


def test_names_of_parameters_converters_and_slashes_make_no_difference() -> None:
    assert pattern("/users/{id}/") == pattern("/users/{user_id}") == pattern("//users/{0}#get") == ("users", "{}")
    assert pattern("/files/{name}.json") == ("files", "{}.json")
    assert pattern(r"/users/\d+/x") == ("users", "{}", "x")


def test_the_base_path_of_the_server_may_be_there_or_not() -> None:
    written = contract("openapi.yaml", "GET /users", "POST /users/{id}/x", server="/api/v1")
    for prefix in ("/api/v1", "", "/v1", "/gateway/api/v1", "/other"):
        found = agree(written, routes(f"GET {prefix}/users", f"POST {prefix}/users/{{n}}/x"))
        assert (found.state, len(found.pairs), found.undocumented, found.unimplemented) == ("served", 2, (), ())


def test_what_only_one_side_has_is_told() -> None:
    found = agree(
        contract("openapi.yaml", "GET /v1/a", "GET /v1/b", "GET /v1/c"), routes("GET /v1/a", "GET /v1/b", "GET /v1/new")
    )
    assert names(found.undocumented) == ["GET /v1/new"]
    assert names(found.unimplemented) == ["GET /v1/c"]
    assert found.among == 3


def test_pages_health_checks_and_head_are_not_compared() -> None:
    found = agree(
        contract("openapi.yaml", "GET /v1/a", "GET /v1/b", "HEAD /v1/a"),
        [
            *routes("GET /v1/a", "GET /v1/b", "OPTIONS /v1/a"),
            *routes("GET /v1/page", api=False),
            *routes("GET /v1/up", exempt="health"),
        ],
    )
    assert (found.undocumented, found.unimplemented) == ((), ())


def test_another_method_and_another_spelling_are_one_difference() -> None:
    found = agree(
        contract("openapi.yaml", "GET /v1/a", "GET /v1/b", "PUT /v1/a/state", "GET /v1/a/roles", "GET /v1/v2/x"),
        routes("GET /v1/a", "GET /v1/b", "PATCH /v1/a/state", "GET /v1/a/role", "GET /v1/v3/x"),
    )
    assert [(one.kind, names(one.operations), names(one.routes)) for one in found.differences] == [
        ("method", ["PUT /v1/a/state"], ["PATCH /v1/a/state"]),
        ("path", ["GET /v1/a/roles"], ["GET /v1/a/role"]),
    ]
    # a version is no spelling of another one
    assert names(found.unimplemented) == ["GET /v1/v2/x"]


def test_a_pattern_serves_what_the_contract_names_and_the_other_way_round() -> None:
    found = agree(
        contract("openapi.yaml", "GET /a", "GET /b", "GET /reports/daily", "GET /c/{kind}", "GET /files/{path}"),
        routes("GET /a", "GET /b", "GET /reports/{kind}", "GET /c/small", "GET /c/large", "GET /files{path}"),
    )
    assert (found.undocumented, found.unimplemented) == ((), ())


def test_a_named_path_beside_a_parameter_is_a_route_of_its_own() -> None:
    found = agree(contract("openapi.yaml", "GET /users/{id}"), routes("GET /users/{id}", "GET /users/me"))
    assert names(found.undocumented) == ["GET /users/me"]


def test_a_part_that_is_not_known_is_read_from_the_contract() -> None:
    found = agree(
        contract("openapi.yaml", "GET /", "GET /v0/users", "POST /v0/users"),
        routes("GET /v{?}/users", "POST /v{?}/users", "GET /v{?}/more"),
    )
    assert len(found.pairs) == 2
    assert names(found.undocumented) == ["GET /v{?}/more"]


def test_a_contract_that_hardly_any_route_serves_is_foreign() -> None:
    found = agree(contract("clients/pay.yaml", "POST /v1/charges", "GET /v1/charges/{id}"), routes("GET /v1/carts"))
    assert (found.state, found.unimplemented, found.undocumented) == ("foreign", (), ())


def test_one_common_path_of_a_few_may_be_chance() -> None:
    others = [f"GET /v1/thing{number}" for number in range(9)]
    found = agree(contract("other/openapi.yaml", "GET /v1/meta", "GET /v1/jobs"), routes("GET /v1/meta", *others))
    assert found.state == "foreign"


def test_each_service_of_a_repository_is_held_against_its_own_contract() -> None:
    one = contract("services/a/openapi.yaml", "GET /v0/jobs", "GET /v0/jobs/{id}")
    two = contract("services/b/openapi.yaml", "GET /v0/jobs", "GET /v0/bills")
    served = [
        *routes("GET /v0/jobs", "GET /v0/jobs/{id}", file="services/a/src/main.py"),
        *routes("GET /v0/jobs", "GET /v0/bills", "POST /v0/bills", file="services/b/src/main.py"),
    ]
    first, second = link_agreements([one, two], served, (), sure=True)
    assert {pair.route.shown.path for pair in first.pairs} == {"services/a/src/main.py"}
    assert (first.undocumented, first.unimplemented) == ((), ())
    assert names(second.undocumented) == ["POST /v0/bills"]


def test_a_route_of_two_contracts_is_documented_by_either() -> None:
    public = contract("public.yaml", "GET /v1/a", "GET /v1/b")
    private = contract("private.yaml", "GET /v1/a", "GET /v1/secret")
    found = link_agreements([public, private], routes("GET /v1/a", "GET /v1/b", "GET /v1/secret"), (), sure=True)
    assert [one.undocumented for one in found] == [(), ()]


def test_a_library_may_make_the_routes_from_the_contract() -> None:
    body = (Import("connexion", (), 0, "", SPAN),)
    program = FileFacts("shop.py", Language.PYTHON, Role.APPLICATION, module=Module(body))
    found = agree(contract("api/openapi.yaml", "GET /v1/carts", "POST /v1/carts"), [], (program,))
    assert found.state == "driven"


def test_without_routes_nothing_is_compared() -> None:
    assert link_agreements([contract("openapi.yaml", "GET /v1/a")], [], (), sure=True) == ()
