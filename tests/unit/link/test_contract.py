"""Which contracts of a repository are judged."""

from qualitygate.link.contract import link_contracts
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Place, Role, Span


def operation(method: str, path: str, file: str, line: int) -> Operation:
    place = Place(file, Span(line, 1, line, 4))
    return Operation(method, path, path, place, place)


def facts(path: str, *operations: Operation, role: Role = Role.APPLICATION, files: tuple[str, ...] = ()) -> FileFacts:
    place = Place(path, Span(1, 1, 1, 8))
    contract = Contract(path, "3.0", "Shop", "1", place, place, operations=operations, files=files)
    return FileFacts(path, Language.YAML, role, contract=contract)


def paths(*files: FileFacts) -> list[str]:
    return [contract.path for contract in link_contracts(files)]


def test_contracts_of_tests_examples_and_vendors_are_out() -> None:
    files = [facts(f"{role.value}.yaml", operation("GET", f"/{role.value}", "x", 1), role=role) for role in Role]
    assert paths(*files) == ["application.yaml", "documentation.yaml", "migration.yaml"]


def test_the_same_contract_in_two_notations_is_judged_once() -> None:
    json, yaml = (facts(name, operation("GET", "/a", name, 5)) for name in ("openapi.json", "openapi.yaml"))
    assert paths(yaml, json) == ["openapi.json"]


def test_two_contracts_of_one_name_are_judged_both() -> None:
    first = facts("a.yaml", operation("GET", "/a", "a.yaml", 5))
    second = facts("b.yaml", operation("GET", "/b", "b.yaml", 5))
    assert paths(first, second) == ["a.yaml", "b.yaml"]


def test_a_part_of_another_contract_is_not_judged_again() -> None:
    shared = operation("GET", "/users", "users.yaml", 9)
    whole = facts("openapi.yaml", shared, operation("GET", "/a", "openapi.yaml", 3), files=("users.yaml",))
    assert paths(whole, facts("users.yaml", shared)) == ["openapi.yaml"]
    assert paths(whole, facts("users.yaml", operation("GET", "/own", "users.yaml", 2))) == [
        "openapi.yaml",
        "users.yaml",
    ]
