"""A secret is crossed out of the text before facts are taken from it, and the text keeps its form."""

import json

from qualitygate.extract import _masked
from qualitygate.model.source import Text


def masked(content: str, secret: str) -> str:
    text = Text.of(content)
    start = content.index(secret)
    return _masked(text, [text.span(start, start + len(secret))]).content


def test_an_escape_inside_a_secret_goes_with_its_backslash() -> None:
    content = '{"pem": "AB\\nCD\\u0041\\\\n\\"E", "b": 1}'
    result = masked(content, 'AB\\nCD\\u0041\\\\n\\"E')
    assert result == '{"pem": "xxxxxxxxxxxx\\\\x\\"x", "b": 1}'
    assert json.loads(result)["b"] == 1


def test_line_ends_and_quotes_stay() -> None:
    assert masked("key = 'abc\r\ndef'", "abc\r\ndef") == "key = 'xxx\r\nxxx'"


def test_a_secret_that_ends_with_a_backslash_leaves_what_follows_alone() -> None:
    assert masked("x = 'abc\\'", "abc\\") == "x = 'xxx\\'"


def test_a_secret_without_quotes_stays_one_plain_value_of_yaml() -> None:
    assert masked("token: AKIA: #x\n", "AKIA: #x") == "token: xxxxxxxx\n"
