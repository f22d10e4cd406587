"""What requests may hold, schema by schema."""

from textwrap import dedent

from qualitygate.extract.openapi import read_document
from qualitygate.model.contract import Input
from qualitygate.model.source import Language, Text


def inputs(content: str) -> tuple[Input, ...]:
    reading = read_document("openapi.yaml", Text.of(dedent(content).lstrip()), Language.YAML, lambda path: None)
    assert reading is not None
    found = reading.facts()["contract"].inputs
    assert isinstance(found, tuple)
    return found


def test_a_schema_is_counted_once_with_all_operations_that_reach_it() -> None:
    first, second = inputs(
        """
        openapi: 3.0.0
        info: {}
        paths:
          /a:
            post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}}
            put: {requestBody: {content: {application/merge-patch+json: {schema: {$ref: '#/components/schemas/Order'}}}}}
          /b:
            post: {requestBody: {content: {multipart/form-data: {schema: {$ref: '#/components/schemas/Address'}}}}}
            get: {responses: {200: {content: {application/json: {schema: {$ref: '#/components/schemas/Other'}}}}}}
        components:
          schemas:
            Order:
              properties:
                notes: {type: array, items: {type: string, maxLength: 9}}
                address: {$ref: '#/components/schemas/Address'}
                history: {type: array, maxItems: 9, items: {$ref: '#/components/schemas/Order'}}
            Address: {properties: {street: {type: string}, city: {type: object, properties: {name: {type: string}}}}}
            Other: {properties: {text: {type: string}}}
        """
    )
    assert (first.name, first.place.span.line, first.unbounded, first.reach) == ("Order", 12, ("notes[]",), 2)
    assert (second.name, second.unbounded, second.count) == ("Address", ("street", "city.name"), 2)
    assert second.operations == ("POST /a", "PUT /a", "POST /b")


def test_a_bound_counts_wherever_it_stands_in_the_parts() -> None:
    (only,) = inputs(
        """
        openapi: 3.1.0
        info: {}
        paths:
          /a:
            post:
              requestBody:
                content:
                  application/json:
                    schema:
                      allOf:
                        - properties: {a: {anyOf: [{type: string, maxLength: 3}, {type: 'null'}]}}
                        - properties: {b: {type: string, allOf: [{pattern: '^x$'}]}, c: {type: string, format: uuid}}
                        - properties: {d: {type: [string, 'null']}}
        """
    )
    assert only.name == "the body of POST /a"
    assert only.unbounded == ("d",)


def test_what_lacks_a_bound_by_its_named_part_is_told_at_that_part_alone() -> None:
    holder, digest, names = inputs(
        """
        openapi: 3.0.3
        info: {}
        paths:
          /a:
            post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Commit'}}}}}
        components:
          schemas:
            Commit:
              properties:
                digest: {allOf: [{$ref: '#/components/schemas/Digest'}, {description: Of the commit.}]}
                names: {allOf: [{$ref: '#/components/schemas/Names'}, {description: Of the authors.}]}
                note: {type: string, allOf: [{description: Why.}]}
            Digest: {type: string}
            Names: {type: array, items: {type: string, maxLength: 80}}
        """
    )
    assert (holder.name, holder.unbounded) == ("Commit", ("note",))
    assert (digest.name, digest.unbounded, digest.reach) == ("Digest", ("itself",), 1)
    assert (names.name, names.unbounded) == ("Names", ("itself[]",))


def test_a_contract_without_bodies_accepts_nothing() -> None:
    assert (
        inputs("openapi: 3.0.0\ninfo: {}\npaths: {/a: {post: {requestBody: {content: {image/png: {schema: {}}}}}}}\n")
        == ()
    )
