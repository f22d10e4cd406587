"""A secret is masked wherever its line or its value would be shown."""

from collections.abc import Callable

from qualitygate.model.source import Span
from qualitygate.model.verdict import Report
from qualitygate.report.redact import Redactor

Make = Callable[..., Report]
VALUE = "s3cret-Value!"
LINE = f"password = '{VALUE}'  # {VALUE} again\n"


def test_a_span_is_masked_and_the_columns_stay(report: Make) -> None:
    redactor = Redactor.of(report(files_of={"a.py": LINE}, secrets={"a.py": (Span(1, 13, 1, 26),)}))
    assert redactor.line("a.py", 1) == LINE.rstrip().replace(VALUE, "*" * len(VALUE))


def test_the_same_value_is_masked_in_another_file(report: Make) -> None:
    files = {"a.py": LINE, "b.yaml": f"key: {VALUE}\n"}
    redactor = Redactor.of(report(files_of=files, secrets={"a.py": (Span(1, 13, 1, 26),)}))
    assert redactor.line("b.yaml", 1) == "key: *************"
    assert redactor.text(f"the value {VALUE} is used") == "the value ************* is used"


def test_a_secret_of_several_lines_is_masked_in_each(report: Make) -> None:
    text = 'KEY = """-----BEGIN\nabcDEF123456\n-----END"""\nNEXT = 1\n'
    redactor = Redactor.of(report(files_of={"k.py": text}, secrets={"k.py": (Span(1, 10, 3, 9),)}))
    assert [redactor.line("k.py", number) for number in (1, 2, 3, 4)] == [
        'KEY = """**********',
        "************",
        '********"""',
        "NEXT = 1",
    ]


def test_an_ordinary_word_is_masked_only_where_it_is_the_secret(report: Make) -> None:
    text = "password = 'password'\n"
    redactor = Redactor.of(report(files_of={"a.py": text}, secrets={"a.py": (Span(1, 13, 1, 21),)}))
    assert redactor.line("a.py", 1) == "password = '********'"
    assert redactor.text("Rename password") == "Rename password"


def test_lines_that_hold_a_secret_are_known(report: Make) -> None:
    redactor = Redactor.of(report(files_of={"a.py": LINE}, secrets={"a.py": (Span(3, 1, 5, 2),)}))
    assert [redactor.covers("a.py", line, line + 1) for line in (1, 2, 5, 6)] == [False, True, True, False]
