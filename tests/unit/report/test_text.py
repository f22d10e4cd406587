"""What people read: frames, what was hidden, the gate."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qualitygate.model.finding import Confidence, Edit, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Unread
from qualitygate.model.verdict import Report, Row, State, Verdict
from qualitygate.report.text import Style, render

Make = Callable[..., Report]
MakeFinding = Callable[..., Finding]


def test_a_finding_shows_its_place_its_frames_the_reason_and_the_way_out(report: Make, finding: MakeFinding) -> None:
    found = finding(
        "app/db.py",
        Span(5, 9, 5, 25),
        why="`connect` is called by the handler of GET /orders",
        mend="make one pool when the application starts",
        places=(Place("app/api.py", Span(6, 1, 6, 20), "GET /orders", "route"),),
    )
    assert render(report(found), Style()) == (
        "error[connection-per-request]: Every request of GET /orders opens its own connection\n"
        " --> app/db.py:5:9\n"
        "5 |     return psycopg.connect(PASSWORD='s3cret-Value!')\n"
        "  |            ^^^^^^^^^^^^^^^^\n"
        " ::: app/api.py:6:1  route\n"
        '6 | @app.get("/orders")\n'
        "  | ------------------- GET /orders\n"
        "  = why here: `connect` is called by the handler of GET /orders\n"
        "  = mend: make one pool when the application starts\n"
        "\n"
        "1 finding (1 error) in 12 files, 0.2 s\n"
        "Gate  CLOSED   1 failed   (1 proved)\n"
        "  x findings.errors  1  <= 0  FAIL  proved\n"
    )


def test_a_secret_in_a_framed_line_is_masked_for_every_check(report: Make, finding: MakeFinding) -> None:
    shown = render(
        report(finding("app/db.py", Span(5, 9, 5, 25)), secrets={"app/db.py": (Span(5, 35, 5, 48),)}), Style()
    )
    assert "PASSWORD='*************')" in shown
    assert "s3cret" not in shown


def test_a_span_of_several_lines_is_bracketed(report: Make, finding: MakeFinding) -> None:
    shown = render(report(finding("app/api.py", Span(7, 1, 8, 11), places=())), Style())
    assert (
        '7 | / def orders():\n8 | |     return connect().execute("SELECT * FROM orders").fetchall()\n  | |__________^\n'
    ) in shown


def test_a_long_span_shows_its_beginning_and_its_end(report: Make, finding: MakeFinding) -> None:
    text = "\n".join(f"line {number}" for number in range(1, 120)) + "\n"
    shown = render(report(finding("a.sql", Span(95, 1, 110, 4)), files_of={"a.sql": text}), Style())
    assert re.findall(r"line \d+", shown) == ["line 95", "line 96", "line 110"]
    assert "\n...  |\n" in shown


def test_a_span_that_ends_before_the_first_column_ends_on_the_line_before(report: Make, finding: MakeFinding) -> None:
    shown = render(report(finding("app/api.py", Span(6, 1, 7, 1))), Style())
    assert '6 | @app.get("/orders")\n  | ^^^^^^^^^^^^^^^^^^^\n' in shown


def test_control_characters_of_the_code_and_of_paths_are_escaped(report: Make, finding: MakeFinding) -> None:
    found = finding("a\x1b[2J.py", Span(1, 1, 1, 4), message="bad \x1b]0;title\x07 name", subject="x")
    shown = render(report(found, files_of={"a\x1b[2J.py": "x = '\x1b[31m\u202e'\n"}), Style())
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "a\\x1b[2J.py:1:1" in shown
    assert "x = '\\x1b[31m\\u202e'" in shown


def test_a_minified_line_is_cut_around_the_span(report: Make, finding: MakeFinding) -> None:
    text = "a" * 5000 + "GUILTY" + "b" * 5000 + "\n"
    shown = render(report(finding("m.json", Span(1, 5001, 1, 5007)), files_of={"m.json": text}), Style(width=80))
    assert all(len(line) <= 80 for line in shown.splitlines() if " | " in line)
    frame, marks = (line for line in shown.splitlines() if " | " in line)
    assert frame[marks.index("^") : marks.index("^") + 6] == "GUILTY"


def test_a_finding_without_its_text_still_shows_its_place(report: Make, finding: MakeFinding) -> None:
    shown = render(report(finding("gone.py", Span(3, 1, 3, 2)), files_of={}), Style())
    assert " --> gone.py:3:1\n" in shown


def test_confidence_below_high_is_told(report: Make, finding: MakeFinding) -> None:
    shown = render(report(finding(confidence=Confidence.MEDIUM)), Style())
    assert " --> app/api.py:8:12  (medium confidence)\n" in shown


def test_files_with_errors_come_first_and_lines_in_order(report: Make, finding: MakeFinding) -> None:
    findings = (
        finding("b.py", Span(1, 1, 1, 2)),
        finding("b.py", Span(9, 1, 9, 2), severity=Severity.NOTE),
        finding("a.py", Span(5, 1, 5, 2), severity=Severity.WARNING),
        finding("b.py", Span(4, 1, 4, 2), severity=Severity.WARNING),
    )
    shown = render(report(*findings, files_of={}), Style())
    assert re.findall(r"--> (\S+)", shown) == ["b.py:1:1", "b.py:4:1", "b.py:9:1", "a.py:5:1"]


def test_paths_can_be_opened_from_the_current_directory(report: Make, finding: MakeFinding) -> None:
    found = report(finding())
    assert "--> orders/app/api.py:8:12" in render(found, Style(here=Path("/srv")))
    assert "--> app/api.py:8:12" in render(found, Style(here=Path("/srv/orders")))
    assert "--> ../app/api.py:8:12" in render(found, Style(here=Path("/srv/orders/tests")))
    assert "--> /srv/orders/app/api.py:8:12" in render(found, Style(here=Path("/home/ann")))


def test_what_is_hidden_is_counted(report: Make, finding: MakeFinding) -> None:
    findings = (
        finding(severity=Severity.WARNING),
        finding(status=Status.SUPPRESSED, answer="a script"),
        finding(status=Status.BASELINED),
        finding(status=Status.BASELINED),
    )
    shown = render(report(*findings, hidden=3), Style())
    assert (
        "1 finding (1 warning) in 12 files, 0.2 s; "
        "hidden: 1 suppressed, 2 baselined, 3 below the confidence asked for\n" in shown
    )
    assert shown.count("-->") == 1


def test_verbose_names_what_was_set_aside_and_what_was_examined(report: Make, finding: MakeFinding) -> None:
    shown = render(report(finding(status=Status.SUPPRESSED, answer="a script")), Style(verbose=True))
    assert "suppressed[connection-per-request] app/api.py:8:12: a script\n" in shown
    assert "  connection-per-request  0 found in 3 examined\n" in shown
    assert "  nothing to judge: unversioned-route\n" in shown


def test_what_could_not_be_read_is_named(report: Make, unread: tuple[Unread, ...]) -> None:
    shown = render(report(unread=unread), Style())
    assert "2 parts could not be read and are not judged:\n" in shown
    assert "  app/broken.py:7: expected ':'\n" in shown
    assert "  app/logo.py: binary data (a NUL byte), not text\n" in shown


def test_many_unread_files_are_cut_with_a_count(report: Make) -> None:
    many = tuple(Unread(f"f{number}.py", 1, "bad") for number in range(25))
    assert "… and 15 more (shown with -v)\n" in render(report(unread=many), Style())
    assert "f24.py:1: bad" in render(report(unread=many), Style(verbose=True))


def test_a_crashed_check_is_told(report: Make) -> None:
    assert "check crashed orphan-table: KeyError\n" in render(report(broken={"orphan-table": "KeyError"}), Style())


def test_stale_entries_of_the_baseline_are_named(report: Make) -> None:
    shown = render(report(stale_baseline=("unversioned-route app/api.py GET /orders",)), Style())
    assert "1 baseline entry stands for nothing any more" in shown
    assert "  unversioned-route app/api.py GET /orders\n" in shown


def test_quiet_leaves_the_gate(report: Make, finding: MakeFinding) -> None:
    shown = render(report(finding()), Style(quiet=True))
    assert shown == "Gate  CLOSED   1 failed   (1 proved)\n  x findings.errors  1  <= 0  FAIL  proved\n"


def test_statistics_count_by_check_most_first(report: Make, finding: MakeFinding) -> None:
    findings = (finding(), *[finding(check="unversioned-route", severity=Severity.WARNING)] * 11)
    shown = render(report(*findings), Style(statistics=True))
    assert (
        "Findings by check\n"
        "  11  warning  unversioned-route       database\n"
        "   1  error    connection-per-request  database\n"
    ) in shown


def test_the_gate_shows_every_row_those_that_did_not_pass_first(report: Make) -> None:
    rows = (
        Row("findings.errors", State.PASS, "0", "<= 0"),
        Row("required.unindexed-foreign-key", State.NO_DATA, "0", ">= 1"),
    )
    shown = render(report(verdict=Verdict("undecided", rows, 4)), Style(quiet=True))
    assert shown == (
        "Gate  UNDECIDED   1 without data, 1 passed   (2 proved)\n"
        "  ?  required.unindexed-foreign-key  0  >= 1  NO DATA  proved\n"
        "  ok findings.errors                 0  <= 0  pass     proved\n"
    )


def test_nothing_found_is_said(report: Make) -> None:
    assert render(report(), Style()).startswith("No findings in 12 files, 0.2 s\nGate  OPEN   1 passed   (1 proved)\n")


def test_colour_changes_no_word(report: Make, finding: MakeFinding, unread: tuple[Unread, ...]) -> None:
    found = report(finding(why="a", mend="b"), unread=unread, broken={"x": "y"}, stale_baseline=("z",))
    plain = render(found, Style(statistics=True, verbose=True))
    colored = render(found, Style(statistics=True, verbose=True, color=True))
    assert colored != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_reasons_are_broken_to_the_terminal_and_stay_whole_on_a_pipe(report: Make, finding: MakeFinding) -> None:
    why = "word " * 40
    narrow = render(report(finding(why=why.strip())), Style(width=60))
    assert all(len(line) <= 60 for line in narrow.splitlines() if "word" in line)
    assert f"= why here: {why.strip()}\n" in render(report(finding(why=why.strip())), Style())


def test_a_long_way_to_the_fault_is_cut_with_a_count(report: Make, finding: MakeFinding) -> None:
    places = tuple(Place("app/api.py", Span(1, 1, 1, 5 + number), role="call") for number in range(9))
    shown: Any = render(report(finding(places=places)), Style())
    assert shown.count(":::") == 6
    assert "… and 3 more places (shown with -v)" in shown
    assert render(report(finding(places=places)), Style(verbose=True)).count(":::") == 9


def test_places_at_one_span_are_shown_once_with_all_their_notes(report: Make, finding: MakeFinding) -> None:
    span = Span(6, 1, 6, 20)
    places = tuple(Place("app/api.py", span, note, "route") for note in ("GET /orders", "HEAD /orders", "GET /orders"))
    shown = render(report(finding(places=places)), Style())
    assert shown.count(":::") == 1
    assert "------------------- GET /orders, HEAD /orders\n" in shown


def test_of_many_like_findings_in_a_file_the_first_are_framed_and_the_others_listed(
    report: Make, finding: MakeFinding
) -> None:
    text = "".join(f"CREATE INDEX i{number} ON t (a);\n" for number in range(1, 8))
    found = [finding("a.sql", Span(line, 1, line, 13), message=f"Building i{line}") for line in range(1, 8)]
    shown = render(report(*found, files_of={"a.sql": text}), Style())
    assert shown.count(" --> a.sql") == 3
    assert "error[connection-per-request]: 4 more like these  (whole with -v)\n" in shown
    assert "  a.sql:4:1  Building i4\n  a.sql:5:1  Building i5\n" in shown
    assert render(report(*found, files_of={"a.sql": text}), Style(verbose=True)).count(" --> a.sql") == 7


def test_of_one_check_with_one_reason_three_are_framed_wherever_they_are(report: Make, finding: MakeFinding) -> None:
    found = [finding(f"app/{number}.py", why="no default", message=f"call {number}") for number in range(9)]
    shown = render(report(*found), Style())
    assert [number for number in range(9) if f"--> app/{number}.py" in shown] == [0, 1, 2]
    assert [number for number in range(9) if f"  app/{number}.py:8:12  call {number}\n" in shown] == [3, 4, 5, 6, 7, 8]


def test_ten_of_one_check_are_framed_whatever_their_reasons(report: Make, finding: MakeFinding) -> None:
    found = [finding(f"app/{number:02}.py", why=f"reason {number}") for number in range(14)]
    shown = render(report(*found), Style())
    assert shown.count(" --> app/") == 10
    assert "4 more like these" in shown


def test_a_single_repeat_is_framed(report: Make, finding: MakeFinding) -> None:
    shown = render(report(*(finding(f"app/{number}.py") for number in range(4))), Style())
    assert shown.count(" --> app/") == 4
    assert "more like" not in shown


def test_repeats_with_long_paths_have_their_messages_below(report: Make, finding: MakeFinding) -> None:
    found = [finding(f"app/{'x' * 70}/{number}.py", message=f"call {number}") for number in range(5)]
    shown = render(report(*found), Style())
    assert re.search(r"/4\.py:8:12\n      call 4\n", shown)


def test_paths_are_links_where_the_terminal_knows_them(report: Make, finding: MakeFinding) -> None:
    found = report(finding("app/a b\x1b\\é.py"))
    shown = render(found, Style(links=True))
    assert "\x1b]8;;file:///srv/orders/app/a%20b%1B%5C%C3%A9.py\x1b\\app/a b\\x1b\\é.py:8:12\x1b]8;;\x1b\\" in shown
    assert "\x1b" not in render(found, Style())
    assert re.sub(r"\x1b]8;;[^\x1b]*\x1b\\", "", shown) == render(found, Style())


def test_edits_are_offered(report: Make, finding: MakeFinding) -> None:
    edits = (("app/api.py", Edit(Span(1, 1, 1, 2), "x")),)
    assert "`qgate fix --diff` shows edits for 1\n" in render(report(finding(edits=edits), finding()), Style())
    assert "qgate fix" not in render(report(finding()), Style())


def test_a_long_text_is_not_told_twice_in_a_row(report: Make, finding: MakeFinding) -> None:
    mend = "say what is applied in the configuration, and later migrations are judged one by one"
    found = [finding("a.py", check="one", mend=mend, why="short"), finding("b.py", check="two", mend=mend, why="short")]
    shown = render(report(*found), Style())
    assert shown.count(f"= mend: {mend}\n") == 1
    assert shown.count("= mend: as above\n") == 1
    assert shown.count("= why here: short\n") == 2
    assert "as above" not in render(report(*found), Style(verbose=True))


def test_checks_with_nothing_to_judge_are_named_together(report: Make) -> None:
    shown = render(report(examined={"b": 0, "a": 0, "c": 1200}), Style(verbose=True))
    assert "  c  0 found in 1,200 examined\n  nothing to judge: a, b\n" in shown


def test_a_place_at_the_finding_itself_is_a_note_beside_its_mark(report: Make, finding: MakeFinding) -> None:
    places = (
        Place("app/api.py", Span(8, 12, 8, 21), "orders calls connect", "call"),
        Place("app/db.py", Span(4, 5, 4, 12)),
    )
    shown = render(report(finding(places=places)), Style())
    assert "^^^^^^^^^ orders calls connect\n" in shown
    assert shown.count(":::") == 1


def test_a_single_place_more_is_shown(report: Make, finding: MakeFinding) -> None:
    places = tuple(Place("app/api.py", Span(1, 1, 1, 5 + number), role="call") for number in range(7))
    shown = render(report(finding(places=places)), Style())
    assert shown.count(":::") == 7
    assert "more places" not in shown


def test_no_code_is_a_command_of_a_ci(report: Make, finding: MakeFinding) -> None:
    code = "x = '##[add-mask]y ##vso[task.setvariable variable=a]b ##teamcity[c]'\n"
    shown = render(report(finding("a.py", Span(1, 1, 1, 2)), files_of={"a.py": code}), Style())
    assert "'## [add-mask]y ## vso[task.setvariable variable=a]b ## teamcity[c]'" in shown
