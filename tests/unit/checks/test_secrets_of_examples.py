"""Secrets in examples of contracts are told with low confidence, wherever the example is written."""

from qualitygate_checks.security.hardcoded_secret import CHECK

from qualitygate.authoring import example
from qualitygate.model.finding import Confidence
from qualitygate.testing import findings_of

PART = """
    content:
      application/json:
        {key}:
          new user:
            value:
              user:
                name: app-01

                # of this user
                password: jge5lfxtzhx42iff
    """


def confidences(text: str, path: str) -> set[Confidence]:
    return {finding.confidence for finding in findings_of(CHECK, example(text, path=path))}


def test_a_key_above_says_that_an_example_follows() -> None:
    assert confidences(PART.replace("{key}", "examples"), "api/user.yml") == {Confidence.LOW}
    assert confidences(PART.replace("{key}", "defaults"), "api/user.yml") == {Confidence.HIGH}


def test_it_holds_for_json_and_for_addresses() -> None:
    text = '{\n  "example": {\n    "password": "wv78n3zpz42xezdk"\n  },\n  "password": "wv78n3zpz42xezdk"\n}\n'
    assert confidences(text, "api/user.json") == {Confidence.LOW, Confidence.HIGH}
    address = (
        "uri:\n  type: string\n  example: >-\n    postgres://doadmin:wv78n3zpz42xezdk@db.cloud.io:25060/defaultdb\n"
    )
    assert confidences(address, "api/uri.yml") == {Confidence.LOW}
