"""What the examples of the contract checks do not show: options, words, places, and what many faults become."""

from qualitygate_checks.api import (
    inconsistent_error_schema,
    invalid_contract,
    missing_pagination,
    unbounded_page_size,
    undocumented_error,
    undocumented_rate_limit,
    unversioned_operation,
)
from qualitygate_checks.security import unsecured_operation

from qualitygate.authoring import Check, Confidence, Hit, Severity, example
from qualitygate.extract.openapi import read_document
from qualitygate.link.contract import link_contracts
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.source import Language, Role, Text


def hits(check: Check, content: str, **options: bool) -> list[Hit]:
    (text,) = example(content, path="openapi.yaml").files.values()
    reading = read_document("openapi.yaml", Text.of(text), Language.YAML, lambda path: None)
    assert reading is not None
    facts = FileFacts("openapi.yaml", Language.YAML, Role.APPLICATION, **reading.facts())
    project = Project(files=(facts,), contracts=link_contracts([facts]))
    chosen = type(check.options)(**options) if check.options is not None else None
    return list(check.hits(project, chosen))


def paths(count: int, operation: str) -> str:
    lines = "".join(f"  /v1/things{number}:\n    get: {operation}\n" for number in range(count))
    return f"openapi: 3.0.0\ninfo: {{title: x, version: '1'}}\npaths:\n{lines}"


ERROR = "{content: {application/json: {schema: {properties: {code: {}, message: {}}}}}}"
ARRAY = "content: {application/json: {schema: {type: array, items: {type: object}}}}"


def test_few_operations_without_errors_are_told_one_by_one_and_many_at_once() -> None:
    few = paths(20, "{responses: {400: {}}}").replace("{responses: {400: {}}}", "{responses: {200: {}}}", 3)
    assert [hit.message for hit in hits(undocumented_error.CHECK, few)] == [
        f"GET /v1/things{number} documents no error" for number in range(3)
    ]
    (hit,) = hits(undocumented_error.CHECK, paths(20, "{responses: {200: {}}}"))
    assert hit.message == "All 20 operations document no error"
    assert hit.place.span.line == 3
    assert len(hit.places) == 5


def test_problem_details_are_asked_for_only_by_option() -> None:
    content = paths(2, f"{{responses: {{200: {{}}, 400: {ERROR}}}}}")
    assert hits(inconsistent_error_schema.CHECK, content) == []
    (hit,) = hits(inconsistent_error_schema.CHECK, content, problem_details=True)
    assert hit.message == "All 2 operations answer errors that are no problem details"
    problem = content.replace("application/json", "application/problem+json")
    assert hits(inconsistent_error_schema.CHECK, problem, problem_details=True) == []


def test_the_default_response_of_an_operation_without_success_is_no_error() -> None:
    content = paths(1, f"{{responses: {{400: {ERROR}, default: {{{ARRAY}}}}}}}")
    assert hits(inconsistent_error_schema.CHECK, content) == []
    (hit,) = hits(inconsistent_error_schema.CHECK, content.replace("400:", "204: {}, 400:"))
    assert hit.why == "they have an array, where most have `code`, `message`"


def test_every_operation_must_document_429_only_by_option() -> None:
    content = paths(3, "{responses: {429: {headers: {Retry-After: {}}}}}").replace("429", "200", 1)
    assert hits(undocumented_rate_limit.CHECK, content) == []
    (hit,) = hits(undocumented_rate_limit.CHECK, content, every_operation=True)
    assert hit.message == "GET /v1/things0 does not document the status 429"


def test_a_limit_in_words_lowers_the_confidence() -> None:
    parameter = "{name: limit, in: query, description: Results per page (max 100), schema: {type: integer}}"
    content = paths(1, f"{{parameters: [{parameter}], responses: {{200: {{{ARRAY}}}}}}}")
    (hit,) = hits(unbounded_page_size.CHECK, content)
    assert hit.confidence is Confidence.LOW
    (hit,) = hits(unbounded_page_size.CHECK, content.replace(" (max 100)", ""))
    assert hit.confidence is Confidence.HIGH


def test_a_page_size_that_is_written_out_in_many_places_is_told_once() -> None:
    parameter = "{name: limit, in: query, schema: {type: integer}}"
    (hit,) = hits(
        unbounded_page_size.CHECK, paths(11, f"{{parameters: [{parameter}], responses: {{200: {{{ARRAY}}}}}}}")
    )
    assert hit.message == "The page size `limit` of 11 operations has no maximum"


def test_only_a_collection_that_is_sure_to_grow_is_an_error() -> None:
    content = paths(1, f"{{responses: {{200: {{{ARRAY}}}}}}}")
    (hit,) = hits(missing_pagination.CHECK, content.replace("things0", "things"))
    assert (hit.severity, hit.confidence) == (Severity.WARNING, Confidence.MEDIUM)
    (hit,) = hits(missing_pagination.CHECK, content + "    post: {responses: {201: {}}}\n")
    assert (hit.severity, hit.confidence) == (None, Confidence.HIGH)


def test_the_pages_of_other_collections_are_the_advice() -> None:
    content = paths(2, f"{{responses: {{200: {{{ARRAY}}}}}}}")
    content = content.replace("{responses", "{parameters: [{name: page_token, in: query, schema: {}}], responses", 1)
    (hit,) = hits(missing_pagination.CHECK, content)
    assert hit.mend == "take `page_token`, as other collections of this contract do"


def test_what_nobody_can_be_signed_in_for_is_open() -> None:
    closed = "security: [{token: []}], responses: {200: {}}"
    content = f"""
        openapi: 3.0.0
        info: {{title: x, version: '1'}}
        paths:
          /v1/a: {{get: {{{closed}}}, put: {{{closed}}}, delete: {{{closed}}}}}
          /v1/sign-in: {{post: {{responses: {{200: {{}}}}}}}}
          /v1/signUp: {{post: {{responses: {{200: {{}}}}}}}}
          /v1/users/resend-verification-email: {{post: {{responses: {{200: {{}}}}}}}}
          /v1/stripe/webhook: {{post: {{responses: {{200: {{}}}}}}}}
          /v1/orders/{{id}}/confirm: {{post: {{responses: {{200: {{}}}}}}}}
        components: {{securitySchemes: {{token: {{type: http, scheme: bearer}}}}}}
        """
    assert [hit.subject for hit in hits(unsecured_operation.CHECK, content)] == ["POST /v1/orders/{id}/confirm"]


def test_of_many_faults_of_a_contract_the_rest_is_counted() -> None:
    found = hits(invalid_contract.CHECK, paths(30, "{responses: {200: {}}}"))
    assert len(found) == 21
    assert found[-1].message == "10 more faults in this contract"


def test_the_subject_of_a_finding_survives_lines_that_move() -> None:
    content = paths(3, "{responses: {200: {}}}").replace("/v1", "")
    for check in (
        unversioned_operation.CHECK,
        undocumented_error.CHECK,
        invalid_contract.CHECK,
        unsecured_operation.CHECK,
    ):
        before = [hit.subject for hit in hits(check, content)]
        after = [hit.subject for hit in hits(check, "# a comment\n\n" + content)]
        assert before
        assert before == after
