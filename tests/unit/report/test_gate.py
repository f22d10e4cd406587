"""The gate as text: what decides in a table, the rest folded, on narrow terminals too."""

from __future__ import annotations

from qualitygate.model.verdict import Row, State, Verdict
from qualitygate.report.display import Palette, width
from qualitygate.report.gate import gate_lines

ROWS = (
    Row("findings.errors", State.PASS, "0", "<= 0"),
    Row(
        "api_response_time",
        State.FAIL,
        "210 ms",
        "< 200 ms",
        "measured",
        "the worst of 2 runs",
        source="out/k6.json",
        observed="2026-11-19T08:00:00+00:00",
        dated_by="content",
        samples=5000,
    ),
    Row("availability", State.WAIVED, "no data", ">= 99.9 %", "unknown", "ops until 2027-01-31: first release"),
    Row("authentication", State.FAIL, "2", "== 0", "proved", "plain-http ×2", required=False),
    Row("input_validation", State.PASS, "0", "== 0", "proved", required=False),
    Row("memory_usage", State.NO_DATA, "no data", "< 80 %", "unknown", "nothing", required=False),
    Row("graphs", State.NOT_APPLICABLE, "", "== 0", "unknown", "api_style is rest, not graphql"),
)


def shown(columns: int | None = None, verbose: bool = False) -> list[str]:
    return "\n".join(gate_lines(Verdict("closed", ROWS, 1), Palette(False), str, columns, verbose)).splitlines()


def test_what_decides_stands_in_a_table_and_the_rest_is_folded() -> None:
    assert shown() == [
        "Gate  CLOSED   1 failed, 1 passed, 1 waived, 1 not applicable   (3 proved, 1 measured, 2 unknown)",
        "  x  api_response_time  210 ms   < 200 ms   FAIL    measured: out/k6.json, run of 2026-11-19, 5,000 samples; "
        "the worst of 2 runs",
        "  ok findings.errors    0        <= 0       pass    proved",
        "  -  availability       no data  >= 99.9 %  waived  ops until 2027-01-31: first release",
        "  not kept, not required: authentication (2)",
        "  passed too: input_validation",
        "  no evidence: memory_usage",
        "  not applicable: graphs (api_style is rest, not graphql)",
    ]


def test_verbose_shows_each_row_with_what_it_rests_on() -> None:
    lines = shown(verbose=True)
    assert len(lines) == 1 + len(ROWS)
    assert any("authentication" in line and "fail, not required     proved: plain-http ×2" in line for line in lines)


def test_a_narrow_terminal_breaks_the_last_column_and_no_other() -> None:
    for columns in (60, 80, 100, 140):
        lines = shown(columns)
        table = [line for line in lines[1:] if not line.startswith("  not applicable")]
        assert max(map(width, table)) <= max(columns, 56)
        words = " ".join(" ".join(lines).split())
        assert "measured: out/k6.json, run of 2026-11-19, 5,000 samples; the worst of 2 runs" in words
