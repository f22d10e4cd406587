"""Contracts as facts: recognised, followed through references, bounded, with places."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from qualitygate.extract.openapi import read_document
from qualitygate.extract.reading import Unparsable
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.finding import Confidence
from qualitygate.model.source import Language, Role, SourceFile, Text, Unread


def facts(files: dict[str, str], path: str) -> dict[str, Any] | None:
    sources = {
        name: SourceFile(
            Path("/nowhere"),
            name,
            Language.JSON if name.endswith(".json") else Language.YAML,
            Role.APPLICATION,
            dedent(content).lstrip("\n").encode(),
        )
        for name, content in files.items()
    }
    source = sources[path]
    reading = read_document(path, Text.of(source.read().decode()), source.language, sources.get)
    return None if reading is None else reading.facts()


def contract(content: str, path: str = "openapi.yaml") -> Contract:
    found = facts({path: content}, path)
    assert found is not None
    assert found["unread"] == ()
    result = found["contract"]
    assert isinstance(result, Contract)
    return result


def only(content: str) -> Operation:
    (operation,) = contract(content).operations
    return operation


def unread(content: str, **others: str) -> tuple[Unread, ...]:
    found = facts({"api/openapi.yaml": content, **others}, "api/openapi.yaml")
    assert found is not None
    return tuple(found["unread"])


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3", "3.1.0", "3.1", "3.2.0"])
def test_a_contract_is_recognised_by_its_content(version: str) -> None:
    found = contract(f"openapi: {version}\ninfo: {{title: Shop, version: '7'}}\npaths: {{}}\n", "anything.yml")
    assert (found.format, found.title, found.release) == (version[:3], "Shop", "7")
    assert found.place.span.line == 1


def test_openapi_2_is_recognised_with_its_version_as_a_number() -> None:
    found = contract("swagger: 2.0\ninfo: {title: Shop, version: 1}\nhost: h.example\nbasePath: v1\npaths: {}\n")
    assert found.format == "2.0"
    assert [server.url for server in found.servers] == ["https://h.example/v1"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("package.json", '{"dependencies": {"openapi": "3.1.0"}}'),
        ("settings.yaml", "openapi: 3.1.0\nenabled: true\n"),
        ("values.yaml", "swagger:\n  enabled: true\n"),
        ("pet.yaml", "type: object\ndescription: 'part of openapi: 3.0.0'\n"),
        ("list.json", '[{"openapi": "3.0.0", "info": {}}]'),
        ("old.json", '{"swaggerVersion": "1.2", "apis": []}'),
        ("chart.yaml", "openapi: 3.0.0\n{{- if .Values.paths }}\npaths: {}\n{{- end }}\n"),
    ],
)
def test_other_files_are_left_alone(path: str, content: str) -> None:
    assert facts({path: content}, path) is None


def test_a_broken_contract_is_named_with_its_line() -> None:
    with pytest.raises(Unparsable) as caught:
        facts({"openapi.yaml": "openapi: 3.0.0\ninfo: [\npaths: {}\n"}, "openapi.yaml")
    assert caught.value.line == 2
    assert caught.value.reason.startswith("not valid YAML: ")


def test_a_format_of_the_future_is_named() -> None:
    with pytest.raises(Unparsable, match=r"unknown format openapi 4\.0\.0"):
        facts({"openapi.yaml": "openapi: 4.0.0\ninfo: {}\npaths: {}\n"}, "openapi.yaml")


@pytest.mark.parametrize("version", ["3.1.a b", "3.0.{}", "3.0.x", "3."])
def test_a_format_that_is_none_is_named(version: str) -> None:
    with pytest.raises(Unparsable, match="unknown format openapi 3"):
        facts({"openapi.yaml": f"openapi: '{version}'\ninfo: {{}}\npaths: {{}}\n"}, "openapi.yaml")


def test_aliases_that_explode_are_named_in_any_yaml_file() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    with pytest.raises(Unparsable, match="aliases stand for more than"):
        facts({"bomb.yaml": "\n".join(lines)}, "bomb.yaml")


def test_a_document_among_others_in_a_stream_is_found() -> None:
    found = contract("kind: ConfigMap\n---\nopenapi: 3.0.0\ninfo: {}\npaths: {/a: {get: {}}}\n")
    assert [operation.name for operation in found.operations] == ["GET /a"]
    assert found.operations[0].place.span.line == 5


def test_operations_have_places_and_full_paths() -> None:
    found = contract(
        """
        openapi: 3.0.0
        info: {title: Shop, version: '1'}
        servers:
          - url: https://{region}.example.com/{base}/
            variables: {region: {default: eu}, base: {default: v2}}
        paths:
          /orders/{id}:
            summary: One order
            get:
              operationId: getOrder
              responses: {200: {description: OK}}
            delete:
              deprecated: true
        """
    )
    get, delete = found.operations
    assert (get.method, get.path, get.full_path, get.operation_id) == (
        "GET",
        "/orders/{id}",
        "/v2/orders/{id}",
        "getOrder",
    )
    assert (get.place.span.line, get.place.span.column) == (9, 5)
    assert get.path_place.span.line == 7
    assert get.version_how == "server"
    assert [response.status for response in get.responses] == ["200"]
    assert delete.deprecated


def test_a_path_hands_its_parameters_down_and_an_operation_overrides_them() -> None:
    operation = only(
        """
        openapi: 3.1.0
        info: {}
        paths:
          /orders:
            parameters:
              - $ref: '#/components/parameters/Limit'
              - {name: page, in: query, schema: {type: integer}}
            get:
              parameters:
                - name: limit
                  in: query
                  schema:
                    anyOf: [{type: integer, maximum: 100, default: 20}, {type: 'null'}]
        components:
          parameters:
            Limit: {name: limit, in: query, schema: {type: integer, maximum: 1000}}
        """
    )
    limit, page = operation.parameters
    assert (limit.name, limit.maximum, limit.default, limit.paging) == ("limit", 100.0, "20", "size")
    assert limit.place.span.line == 10
    assert page.paging == "position"


def test_security_is_that_of_the_operation_before_that_of_the_document() -> None:
    found = contract(
        """
        openapi: 3.0.0
        info: {}
        security: [{token: []}]
        paths:
          /a: {get: {}}
          /b: {get: {security: []}}
          /c: {get: {security: [{token: []}, {}]}}
        components:
          securitySchemes:
            token: {type: http, scheme: bearer}
        """
    )
    assert [(operation.security, operation.secured) for operation in found.operations] == [
        ((("token",),), True),
        ((), False),
        ((("token",), ()), False),
    ]
    assert [(scheme.name, scheme.kind, scheme.detail) for scheme in found.schemes] == [("token", "http", "bearer")]
    assert only("openapi: 3.0.0\ninfo: {}\npaths: {/a: {get: {}}}\n").security is None


def test_a_version_header_that_is_declared_as_a_key_is_a_version() -> None:
    found = contract(
        """
        openapi: 3.0.0
        info: {}
        security: [{client: [], release: []}]
        paths:
          /a: {post: {}}
          /b: {post: {security: [{client: []}]}}
        components:
          securitySchemes:
            client: {type: apiKey, in: header, name: Client-Id}
            release: {type: apiKey, in: header, name: Shop-Version}
        """
    )
    assert [operation.version_how for operation in found.operations] == ["header", ""]


def test_an_error_response_tells_its_shape() -> None:
    operation = only(
        """
        openapi: 3.0.0
        info: {}
        paths:
          /a:
            get:
              responses:
                default: {$ref: '#/components/responses/Problem'}
        components:
          responses:
            Problem:
              description: What went wrong
              headers: {Retry-After: {schema: {type: integer}}}
              content:
                application/problem+json:
                  schema: {$ref: '#/components/schemas/Problem'}
          schemas:
            Problem:
              allOf:
                - {type: object, properties: {title: {type: string}}}
                - properties: {status: {type: integer}}
        """
    )
    (response,) = operation.responses
    assert (response.status, response.shape, response.schema) == ("default", "object", "Problem")
    assert response.keys == ("status", "title")
    assert response.headers == ("retry-after",)
    assert response.media_types == ("application/problem+json",)
    assert response.schema_place is not None
    assert response.schema_place.span.line == 17


def test_references_lead_through_files_and_places_lie_where_things_are_defined() -> None:
    found = facts(
        {
            "api/openapi.yaml": """
                openapi: 3.0.0
                info: {}
                paths:
                  /orders: {$ref: 'paths/orders.yaml'}
                  /items:
                    get: {$ref: 'paths/items%20all.json#/list'}
                """,
            "api/paths/orders.yaml": """
                parameters:
                  - {$ref: ../parts.yaml#/Limit}
                get:
                  responses:
                    200:
                      content: {application/json: {schema: {$ref: '../parts.yaml#/Orders'}}}
                """,
            "api/paths/items all.json": '{"list": {"operationId": "listItems"}}',
            "api/parts.yaml": """
                Limit: {name: limit, in: query, schema: {type: integer}}
                Orders: {type: array, items: {$ref: '#/Order'}}
                Order: {type: object, properties: {parent: {$ref: '#/Order'}}}
                """,
        },
        "api/openapi.yaml",
    )
    assert found is not None
    assert found["unread"] == ()
    orders, items = found["contract"].operations
    assert (orders.place.path, orders.place.span.line, orders.path_place.path) == (
        "api/paths/orders.yaml",
        3,
        "api/openapi.yaml",
    )
    assert (orders.collection, orders.paginated_by) == (True, "query parameter limit")
    assert items.operation_id == "listItems"
    assert items.place.path == "api/paths/items all.json"
    assert [path for path, digest in found["depends_on"]] == [
        "api/parts.yaml",
        "api/paths/items all.json",
        "api/paths/orders.yaml",
    ]
    assert all(len(digest) == 32 for path, digest in found["depends_on"])


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("#/components/nothing", "leads to nothing"),
        ("#/paths/~1b", "leads back to itself"),
        ("missing.yaml", "leads to no file of the scan"),
        ("../../etc/passwd", "leads out of the scanned root"),
        ("/etc/passwd", "leads out of the scanned root"),
        ("https://example.com/a.yaml", "leaves the tree: not followed"),
        ("file:///etc/passwd", "leaves the tree: not followed"),
        ("//example.com/a.yaml", "leaves the tree: not followed"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_and_the_rest_is_read(reference: str, reason: str) -> None:
    content = f"""
        openapi: 3.0.0
        info: {{}}
        paths:
          /a: {{$ref: '{reference}'}}
          /b: {{$ref: '#/paths/~1b'}}
          /c: {{get: {{}}}}
        """
    if "~1b" not in reference:
        content = content.replace("          /b: {$ref: '#/paths/~1b'}\n", "")
    told = unread(content)
    assert [entry.path for entry in told] == ["api/openapi.yaml"]
    assert reason in told[0].reason
    assert told[0].line in (4, 5)
    found = facts({"api/openapi.yaml": content}, "api/openapi.yaml")
    assert found is not None
    assert [operation.name for operation in found["contract"].operations] == ["GET /c"]


def test_a_missing_file_is_noted_so_that_its_coming_is_noticed() -> None:
    found = facts({"o.yaml": "openapi: 3.0.0\ninfo: {}\npaths: {/a: {$ref: gone.yaml}}\n"}, "o.yaml")
    assert found is not None
    assert found["depends_on"] == (("gone.yaml", ""),)


def test_a_broken_part_is_named_itself_and_once() -> None:
    told = unread(
        "openapi: 3.0.0\ninfo: {}\npaths:\n  /a: {$ref: part.yaml#/a}\n  /b: {$ref: part.yaml#/b}\n",
        **{"api/part.yaml": "a: [\n"},
    )
    assert [(entry.path, entry.line) for entry in told] == [("api/part.yaml", 1)]


def test_many_dead_references_are_told_with_a_count() -> None:
    paths = "".join(f"  /a{number}: {{$ref: 'x.yaml#/{number}'}}\n" for number in range(100))
    told = unread(f"openapi: 3.0.0\ninfo: {{}}\npaths:\n{paths}", **{"api/x.yaml": "a: 1\n"})
    assert len(told) == 25
    assert told[-1].reason == "76 more references that lead nowhere"


def test_an_anchor_and_an_identity_are_references_of_json_schema() -> None:
    operation = only(
        """
        openapi: 3.1.0
        info: {}
        paths:
          /a: {get: {responses: {200: {content: {application/json: {schema: {$ref: '#things'}}}}}}}
        components:
          schemas:
            Things: {$anchor: things, type: array, items: {$ref: 'https://example.com/thing'}}
            Thing: {$id: 'https://example.com/thing', type: string}
        """
    )
    assert operation.collection
    assert operation.paginated_by == "an array of plain values"


def test_schemas_that_contain_themselves_end() -> None:
    operation = only(
        """
        openapi: 3.0.0
        info: {}
        paths:
          /trees: {get: {responses: {200: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}}
        components:
          schemas:
            A: {allOf: [{$ref: '#/components/schemas/B'}]}
            B: {allOf: [{$ref: '#/components/schemas/A'}, {type: array, items: {$ref: '#/components/schemas/A'}}]}
        """
    )
    assert operation.collection


@pytest.mark.parametrize(
    "broken",
    [
        "paths: []",
        "paths: {/a: 1}",
        "paths: {/a: {get: [], post: null}}",
        "paths: {/a: {parameters: {x: 1}, get: {parameters: [1, {name: 2}], responses: [1]}}}",
        "paths: {/a: {get: {responses: {200: x, 201: {content: [], headers: 1}}, security: [1]}}}",
        "paths: {/a: {get: {responses: {200: {content: {application/json: {schema: 5}}}}}}}",
        "servers: [1, {url: 5}, {url: 'http://[::1'}]\npaths: {/a: {get: {servers: {}}}}",
        "security: 5\ncomponents: {securitySchemes: [x]}\npaths: {}",
    ],
)
def test_a_document_that_is_not_what_it_should_be_is_read_as_far_as_it_goes(broken: str) -> None:
    contract(f"openapi: 3.0.0\ninfo: 5\n{broken}\n")


def test_a_broken_document_of_2_0_is_read_as_far_as_it_goes() -> None:
    contract(
        "swagger: '2.0'\ninfo: {}\nhost: 5\nbasePath: /v1\nschemes: 7\nconsumes: x\nproduces: 1\npaths: {/a: {get: {responses: {200: {schema: 1}}}}}\n"
    )


def test_servers_tell_whether_they_are_local_and_where_they_offer_plain_http() -> None:
    found = contract(
        """
        openapi: 3.0.0
        info: {}
        servers:
          - url: http://localhost:8080
          - url: http://api:8000/v1
          - url: http://10.1.2.3
          - url: '{scheme}://api.example.com'
            variables: {scheme: {default: http, enum: [http, https]}}
          - url: https://api.example.com
          - url: /v1
        paths: {}
        """
    )
    assert [(server.local, server.plain_http is not None) for server in found.servers] == [
        (True, True),
        (True, True),
        (True, True),
        (False, True),
        (False, False),
        (False, False),
    ]
    old = contract("swagger: '2.0'\ninfo: {}\nhost: a.example.com\nschemes:\n  - https\n  - http\npaths: {}\n")
    assert [server.url for server in old.servers] == ["https://a.example.com"]
    assert old.servers[0].plain_http is not None
    assert old.servers[0].plain_http.span.line == 6


def test_faults_of_a_contract_have_places() -> None:
    found = contract(
        """
        openapi: 3.0.0
        info: {title: Shop}
        paths:
          /a: {get: {}}
          /a: {put: {responses: {200: {descripton: OK}}}}
        """
    )
    assert [operation.name for operation in found.operations] == ["PUT /a"]
    assert [(problem.place.span.line, problem.pointer, problem.message) for problem in found.problems] == [
        (5, "", "the key `/a` stands twice (first in line 4): the first is lost"),
        (2, "/info", "`info` lacks `version`"),
        (5, "/paths/~1a/put/responses/200", "`put.responses.200` lacks `description`"),
        (5, "/paths/~1a/put/responses/200/descripton", "`responses.200.descripton` is no key of this place"),
    ]


def answer(schema: str, path: str = "/orders", extra: str = "", more: str = "") -> Operation:
    operations = contract(
        f"""
openapi: 3.0.0
info: {{}}
paths:
  {path}:
    get:
      {extra or "tags: []"}
      responses: {{200: {{content: {{application/json: {{schema: {schema}}}}}}}}}
{more}
"""
    ).operations
    return operations[0]


THINGS = "{type: array, items: {type: object}}"


def test_how_sure_a_collection_is_depends_on_what_makes_it_grow() -> None:
    member = "  /orders/{id}:\n    delete: {}"
    assert answer(THINGS, more=member).collection_confidence is Confidence.HIGH
    assert (
        answer(THINGS, more="    post: {responses: {201: {description: x}}}").collection_confidence is Confidence.HIGH
    )
    assert answer(THINGS).collection_confidence is Confidence.MEDIUM
    assert answer(THINGS, path="/route").collection_confidence is Confidence.LOW
    assert (
        answer(THINGS, path="/countries", more="  /countries/{code}:\n    get: {}").collection_confidence
        is Confidence.LOW
    )


def test_a_post_that_answers_like_the_get_adds_nothing() -> None:
    post = f"    post: {{responses: {{200: {{content: {{application/json: {{schema: {THINGS}}}}}}}}}}}"
    assert answer(THINGS, path="/route", more=post).collection_confidence is Confidence.LOW


@pytest.mark.parametrize(
    ("schema", "collection"),
    [
        (THINGS, True),
        (f"{{properties: {{orders: {THINGS}}}}}", True),
        (f"{{properties: {{data: {THINGS}, total: {{type: integer}}, errors: {THINGS}}}}}", True),
        (f"{{oneOf: [{THINGS}, {{type: 'null'}}]}}", True),
        (f"{{properties: {{name: {{type: string}}, lines: {THINGS}}}}}", False),
        ("{type: object}", False),
        ("{}", False),
    ],
)
def test_an_array_or_an_envelope_around_one_is_a_collection(schema: str, collection: bool) -> None:
    assert answer(schema).collection is collection


@pytest.mark.parametrize(
    ("extra", "by"),
    [
        ("parameters: [{name: 'page[size]', in: query, schema: {type: integer}}]", "query parameter page[size]"),
        ("parameters: [{name: X-Page, in: header, schema: {type: integer}}]", ""),
        ("parameters: [{name: $count, in: query, schema: {type: boolean}}]", ""),
        ("parameters: [{name: after, in: query, schema: {type: string, format: date-time}}]", ""),
        ("x-ms-pageable: {nextLinkName: null}", "x-ms-pageable"),
        (
            "parameters: [{name: ids, in: query, required: true, schema: {type: array}}]",
            "picked by the required parameter ids",
        ),
    ],
)
def test_what_bounds_a_collection_is_named(extra: str, by: str) -> None:
    assert answer(THINGS, extra=extra).paginated_by == by


def test_a_bounded_array_of_things_needs_no_pages() -> None:
    assert answer("{type: array, maxItems: 50, items: {type: object}}").paginated_by == "at most 50 items"
    assert not answer("{type: array, maxItems: 50000, items: {type: object}}").paginated


def test_facts_can_be_encoded_and_are_the_same_each_time() -> None:
    import msgspec

    content = json.dumps({"openapi": "3.0.0", "info": {}, "paths": {"/v1/a": {"get": {"responses": {"200": {}}}}}})
    first, second = contract(content, "a.json"), contract(content, "a.json")
    encoded = msgspec.msgpack.encode(first)
    assert encoded == msgspec.msgpack.encode(second)
    assert msgspec.msgpack.decode(encoded, type=Contract) == first
