"""The line hash of GitHub's upload action."""

import random

import pytest

from qualitygate.report.line_hash import line_hashes


# Values published with the upload action's own tests.
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "c129715d7a2bc9a3:1"),
        (" a\nb\n  \t\tc\n d", "271789c17abda88f:1 54703d4cd895b18:1 180aee12dab6264:1 a23a3dc5e078b07b:1"),
        (
            " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End",
            "8b7cf3e952e7aeb2:1 b1ae1287ec4718d9:1 bff680108adb0fcc:1 c6805c5e1288b612:1 b86d3392aea1be30:1 "
            "e6ceba753e1a442:1",
        ),
        (
            " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n",
            "e9496ae3ebfced30:1 fb7c023a8b9ccb3f:1 ce8ba1a563dcdaca:1 e20e36e16fcb0cc8:1 b3edc88f2938467e:1 "
            "c8e28b0b4002a3a0:1 c129715d7a2bc9a3:1",
        ),
        (
            " hello; \t\rworld!!!\r\r\r  \t\tGreetings\r End\r",
            "e9496ae3ebfced30:1 fb7c023a8b9ccb3f:1 ce8ba1a563dcdaca:1 e20e36e16fcb0cc8:1 b3edc88f2938467e:1 "
            "c8e28b0b4002a3a0:1 c129715d7a2bc9a3:1",
        ),
    ],
)
def test_the_line_hash_is_the_published_one(content: str, expected: str) -> None:
    assert [value for value, _ in line_hashes(content.encode(), range(1, 50)).values()] == expected.split()


def rolling(data: bytes) -> list[str]:
    """The algorithm as it is published: one character at a time, a ring of 100."""
    window, lines = [0] * 100, [False] * 100
    value, index, start, after_cr = 0, 0, True, False
    counts: dict[str, int] = {}
    found = []

    def flush() -> None:
        text = f"{value:x}"
        counts[text] = counts.get(text, 0) + 1
        found.append(f"{text}:{counts[text]}")
        lines[index] = False

    def update(unit: int) -> None:
        nonlocal value, index
        value = (37 * value + unit - pow(37, 100) * window[index]) % (1 << 64)
        window[index] = unit
        index = (index + 1) % 100

    encoded = data.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")
    units = [encoded[at] | encoded[at + 1] << 8 for at in range(0, len(encoded), 2)]
    for unit in [*units, 65535]:
        if unit in (32, 9) or (after_cr and unit == 10):
            after_cr = False
            continue
        after_cr = unit == 13
        if lines[index]:
            flush()
        if start:
            lines[index] = True
        start = unit in (10, 13)
        update(10 if start else unit)
    for _ in range(100):
        if lines[index]:
            flush()
        update(0)
    return found


def test_the_line_hash_agrees_with_a_character_by_character_reading() -> None:
    choice = random.Random(7)
    pieces = ["a", "bc", " ", "\t", "\n", "\r\n", "\r", "é", "😀", "\ufeff", "x" * 120, "\n\n", "\0"]
    for _ in range(200):
        data = "".join(choice.choices(pieces, k=choice.randrange(1, 200))).encode()
        if choice.random() < 0.3:
            data += b"\xff\xfe" + data[:20]
        assert [value for value, _ in line_hashes(data, range(1, 1000)).values()] == rolling(data)


def test_equal_lines_are_numbered_from_the_top() -> None:
    content = ("x = 1\n" * 60).encode()
    values = [value for value, _ in line_hashes(content, {1, 3}).values()]
    assert values[0].split(":")[0] == values[1].split(":")[0]
    assert [value.split(":")[1] for value in values] == ["1", "3"]
