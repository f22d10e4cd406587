"""``qgate evidence check``: what files are understood to say, and what not."""

from __future__ import annotations

import json
import os
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

SAMPLES = Path(__file__).parents[1] / "unit" / "evidence" / "samples"


@pytest.fixture
def out(repository: Path) -> Path:
    """The samples in the repository, all written at one time."""
    target = repository / "out"
    shutil.copytree(SAMPLES, target)
    for path in target.iterdir():
        os.utime(path, (1795146281, 1795146281))
    return target


def test_the_numbers_of_a_run_are_shown_with_units_and_bounds(qgate, out: Path) -> None:
    result = qgate("evidence", "check", "out/wrk.txt")
    assert result.returncode == 0
    assert result.stdout == (
        "out/wrk.txt: wrk text\n"
        "  the file was written 2026-11-20 03:44:41 UTC; it does not say when the run ended\n"
        "  http.requests      1,845\n"
        "  http.duration_s    3.006 s\n"
        "  http.rps.offered   613.7 rps\n"
        "  http.error_rate    0.6504 %           12 of 1,845 failed; under 1.052 % with 95 % confidence\n"
        "  http.rps.success   609.7 rps\n"
        "  http.latency.p50   11.79 ms\n"
        "  http.latency.p75   17.28 ms\n"
        "  http.latency.p90   24 ms\n"
        "  http.latency.p95   24 ms to 43.35 ms  not printed; it lies between p90 and p99\n"
        "  http.latency.p99   43.35 ms\n"
        "  http.latency.max   74.71 ms\n"
        "  http.latency.mean  13.66 ms\n"
    )


def test_endpoints_samples_that_do_not_suffice_and_notes_are_shown(qgate, out: Path) -> None:
    shown = qgate("evidence", "check", "out/locust_json_stdout.json").stdout
    assert "the run ended 2026-11-20 03:43:52 UTC" in shown
    assert "http.latency.p99.9  89 ms      1,248 samples, and it takes 2,995" in shown
    assert "GET /users         963  0.5192 %  12 ms  30 ms  44 ms  88.78 ms\n" in shown
    assert "http.latency.p90  " not in shown.partition("requests    failed")[2]
    whole = qgate("evidence", "check", "-v", "out/locust_json_stdout.json").stdout
    assert "http.latency.p90  " in whole.partition("\n  GET /users\n")[2]
    assert "note: Locust's CSV may lack" in qgate("evidence", "check", "out/locust_stats.csv").stdout


def test_results_of_other_scanners_are_counted(qgate, out: Path) -> None:
    shown = qgate("evidence", "check", "out/zizmor.sarif", "out/pip_audit.json").stdout
    assert "5 results: 3 high, 2 medium\n" in shown
    assert "not looked at: flask" in shown
    assert qgate("evidence", "check", "-v", "out/zizmor.sarif").stdout.count("\n  high  ") == 3


def test_one_file_that_is_not_understood_is_exit_code_2_and_hides_no_other(qgate, out: Path) -> None:
    result = qgate("evidence", "check", "out/k6_stdout.txt", "out/wrk.txt", "out/none.json")
    assert result.returncode == 2
    assert "out/k6_stdout.txt: not understood\n  it is what k6 prints: let it write a summary" in result.stdout
    assert "http.latency.p95   24 ms to 43.35 ms" in result.stdout
    assert "out/none.json: not understood" in result.stdout


def test_an_answer_of_prometheus_needs_its_question(qgate, out: Path) -> None:
    path = "out/prometheus_query_vector.json"
    assert qgate("evidence", "check", path).returncode == 2
    result = qgate("evidence", "check", path, "--metric", "http.latency.p95", "--unit", "s")
    assert (result.returncode, "http.latency.p95  34.89 ms" in result.stdout) == (0, True)
    assert (
        "no numbers"
        in qgate("evidence", "check", "out/prometheus_query_empty.json", "--metric", "http.requests").stdout
    )


def test_json_has_the_published_form(qgate, out: Path) -> None:
    schema = json.loads((files("qualitygate") / "schemas" / "evidence-1.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    (out / "report.json").write_text(qgate("scan", "--format", "json").stdout)
    names = sorted(f"out/{path.name}" for path in out.iterdir())
    result = qgate("evidence", "check", "--format", "json", *names)
    assert result.returncode == 2
    document = json.loads(result.stdout)
    Draft202012Validator(schema).validate(document)
    assert [one["path"] for one in document["files"]] == names
    assert {one["path"]: one["reason"][:20] for one in document["files"] if not one["understood"]}.keys() == {
        "out/k6_stdout.txt",
        "out/locust_exceptions.csv",
        "out/locust_failures.csv",
        *(name for name in names if "prometheus" in name),
    }
    own = next(one for one in document["files"] if one["path"] == "out/report.json")
    assert own["findings"] > 0
    assert own["examined"]["missing-primary-key"] == 2
    wrk = next(one for one in document["files"] if one["path"] == "out/wrk.txt")
    p95 = next(one for one in wrk["measurements"] if one["metric"] == "http.latency.p95")
    assert (p95["value"], p95["low"], p95["high"], p95["unit"]) == (None, 23.995, 43.355, "ms")


def test_nothing_of_a_script_or_a_url_is_shown(qgate, out: Path) -> None:
    path = out / "k6_v2_summary_machine_readable.json"
    content = json.loads(path.read_text())
    content["config"]["script"] = "const token = 'Meadow!2031-post'"
    content["results"]["metrics"][0]["name"] = (
        "http_req_duration{name:https://me:Meadow!2031-post@shop/a?token=Meadow!2031-post}"
    )
    path.write_text(json.dumps(content))
    for form in ("text", "json"):
        shown = qgate("evidence", "check", "-v", "--format", form, f"out/{path.name}")
        assert shown.returncode == 0
        assert "name:https://shop/a" in shown.stdout
        assert "Meadow" not in shown.stdout + shown.stderr


def test_a_label_cannot_move_the_cursor(qgate, out: Path) -> None:
    entry = {"name": "/\x1b[2Jx", "method": "GET", "num_requests": 9, "num_failures": 0, "response_times": {"5": 9}}
    (out / "odd.json").write_text(json.dumps([entry, {**entry, "name": "/b"}]))
    shown = qgate("evidence", "check", "out/odd.json").stdout
    assert "\x1b" not in shown
    assert "GET /\\x1b[2Jx" in shown


def test_help_shows_examples_and_what_is_read(qgate) -> None:
    shown = qgate("evidence", "check", "--help").stdout
    assert "qgate evidence check k6.json" in shown
    assert all(tool in shown for tool in ("Locust", "JMeter", "vegeta", "Gatling", "Prometheus", "SARIF"))
    assert qgate("evidence", "--help").returncode == 0
