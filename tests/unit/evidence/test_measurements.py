"""Files of load tests as their tools wrote them, all of runs against one server, and what can be odd with each."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qualitygate.evidence.opened import opened
from qualitygate.evidence.recognise import FORMATS, _is, _keys

SAMPLES = Path(__file__).parent / "samples"
Measured = Callable[..., Any]
Refused = Callable[..., str]

# Each run took three or four seconds against a server that fails about four requests in a thousand.
RUNS = [
    "ab.txt",
    "autocannon.json",
    "hey.txt",
    "jmeter.csv.jtl",
    "jmeter.xml.jtl.gz",
    "k6_handleSummary.json",
    "k6_summary_export.json",
    "k6_v2_summary_export_default.json",
    "k6_v2_summary_machine_readable.json",
    "locust_json_stdout.json",
    "locust_stats.csv",
    "locust_stats_history.csv",
    "oha_constructed.json",
    "vegeta_encode.csv.gz",
    "vegeta_report.json",
    "wrk.txt",
]


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


@pytest.mark.parametrize("name", [*RUNS, "ab_percentiles.csv", "hey.csv"])
def test_every_sample_gives_the_p95_that_its_server_had(measured: Measured, name: str) -> None:
    p95 = measured(sample=name).of("http.latency.p95")
    if p95.value is not None:
        assert 26.75 < p95.value <= 31
    else:
        assert p95.low < 31
        assert p95.high > 26.75


@pytest.mark.parametrize("name", RUNS)
def test_every_sample_gives_the_error_rate_that_its_server_had(measured: Measured, name: str) -> None:
    read = measured(sample=name)
    rate = read.of("http.error_rate")
    assert 0.002 <= rate.value <= 0.007
    assert rate.failures == round(rate.value * rate.samples)
    assert rate.samples == read.value("http.requests")
    assert 0 < read.value("http.rps.success") < read.value("http.rps.offered")
    assert 0.8 <= read.value("http.duration_s") <= 4.1


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_sample_is_of_one_format_alone(path: Path) -> None:
    with opened(path, path.parent) as source:
        keys = _keys(source)
        assert len([form.name for form in FORMATS if _is(form, source, keys)]) == 1


class TestK6:
    def test_its_own_verdicts_are_not_read_since_one_of_its_forms_inverts_them(self, measured: Measured) -> None:
        content = sample("k6_summary_export.json")
        read = measured(content)
        assert "thresholds of k6 are not read" in read.notes
        for metric in content["metrics"].values():
            metric.pop("thresholds", None)
        without = measured(content)
        assert without.all == read.all
        assert "thresholds" not in without.notes

    def test_the_passes_of_failed_requests_are_the_failures(self, measured: Measured) -> None:
        rate = measured(sample="k6_handleSummary.json").of("http.error_rate")
        assert (rate.failures, rate.samples) == (18, 3218)

    def test_a_metric_with_a_tag_is_a_subject(self, measured: Measured) -> None:
        read = measured(sample="k6_handleSummary.json")
        assert read.of("http.latency.p95", "name:orders").samples == 1609
        assert read.value("http.latency.p95", "name:orders") == pytest.approx(27.3107, abs=1e-4)

    def test_a_percentile_that_it_does_not_print_lies_between_its_neighbours(self, measured: Measured) -> None:
        p99 = measured(sample="k6_v2_summary_machine_readable.json").of("http.latency.p99")
        assert p99.value is None
        assert (p99.low, p99.high) == (pytest.approx(27.4366016), pytest.approx(74.357187))
        assert p99.note == "not printed; it lies between p95 and the largest"

    def test_the_script_inside_is_never_told(self, measured: Measured) -> None:
        content = sample("k6_v2_summary_machine_readable.json")
        content["config"]["script"] = "http.get(url, {headers: {Authorization: 'Bearer meadow-2031'}})"
        read = measured(content)
        assert "meadow" not in repr((read.origin, read.all, read.notes))
        assert (read.origin.version, read.origin.dated_by) == ("2.2.0", "content")

    def test_checks_that_failed_and_iterations_that_were_dropped_are_told(self, measured: Measured) -> None:
        content = sample("k6_handleSummary.json")
        content["metrics"]["dropped_iterations"] = {
            "type": "counter",
            "contains": "default",
            "values": {"count": 40, "rate": 10},
        }
        notes = measured(content).notes
        assert "11 of 1,609 checks of k6 failed" in notes
        assert "dropped 40 iterations" in notes

    def test_without_its_rate_of_failures_there_is_no_error_rate(self, measured: Measured) -> None:
        content = sample("k6_handleSummary.json")
        del content["metrics"]["http_req_failed"]
        read = measured(content)
        assert not read.has("http.error_rate")
        assert not read.has("http.rps.success")
        assert "no error rate" in read.notes

    def test_a_run_without_requests_is_no_measurement(self, refused: Refused) -> None:
        content = sample("k6_handleSummary.json")
        content["metrics"]["http_reqs"]["values"]["count"] = 0
        assert "no HTTP request was made" in refused(content)
        for name in [name for name in content["metrics"] if name.startswith("http_req")]:
            del content["metrics"][name]
        assert "measured no HTTP request" in refused(content)

    def test_what_it_prints_is_refused_with_what_to_do(self, refused: Refused) -> None:
        assert "--summary-export" in refused(path=SAMPLES / "k6_stdout.txt")

    def test_its_points_are_read_from_json_lines(self, measured: Measured, refused: Refused) -> None:
        lines = ['{"type":"Metric","data":{"name":"http_req_duration","type":"trend"},"metric":"http_req_duration"}']
        for number in range(1, 101):
            failed = "false" if number > 98 else "true"
            for metric, value in (("http_reqs", 1), ("http_req_duration", number / 2), ("http_req_waiting", 1)):
                tags = {"name": "http://shop/items?key=meadow", "method": "GET", "expected_response": failed}
                point = {"time": f"2026-11-20T03:00:{number / 10:09.6f}123Z", "value": value, "tags": tags}
                lines.append(json.dumps({"metric": metric, "type": "Point", "data": point}, separators=(",", ":")))
        read = measured("\n".join(lines) + "\n")
        assert read.value("http.requests") == 100
        assert read.value("http.latency.p95") == 47.5
        assert read.value("http.error_rate") == 0.02
        assert read.origin.finished == "2026-11-20T03:00:10+00:00"
        assert "meadow" not in repr(read.all)
        assert "line 301 is not whole" in refused("\n".join(lines)[:-20])

    def test_its_points_are_read_from_csv(self, measured: Measured) -> None:
        head = "metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,name,status"
        rows = [
            f"http_req_duration,{1795146500 + n // 10},{n}.5,,,,{str(n != 7).lower()},,GET,/a,200" for n in range(40)
        ]
        others = [f"http_reqs,{1795146500 + n // 10},1,,,,true,,GET,/a,200" for n in range(40)]
        read = measured("\n".join([head, *rows, *others]))
        assert read.value("http.requests") == 40
        assert read.of("http.error_rate").failures == 1
        # whole seconds: what happens by the second is known roughly
        low, high = read.bounds("http.rps.offered")
        assert low < read.value("http.rps.offered") < high


class TestLocust:
    def test_its_histograms_are_merged_into_the_run(self, measured: Measured) -> None:
        read = measured(sample="locust_json_stdout.json")
        assert read.value("http.requests") == 1248
        assert read.value("http.requests", "GET /users") + read.value("http.requests", "POST /orders") == 1248

    @pytest.mark.parametrize(
        ("key", "bounds"),
        [(99, (98.5, 99.5)), (100, (99.5, 105)), (200, (195, 205)), (1000, (995, 1050)), (20000, (19500, 20500))],
    )
    def test_a_time_stands_for_all_that_are_rounded_to_it(self, measured: Measured, key: int, bounds: Any) -> None:
        entry = {"name": "/", "method": "GET", "num_requests": 60, "num_failures": 0, "response_times": {str(key): 60}}
        assert measured([entry]).bounds("http.latency.p95") == bounds

    def test_its_csv_may_lack_the_last_second_and_says_so(self, measured: Measured) -> None:
        read = measured(sample="locust_stats.csv")
        assert read.value("http.requests") == 969  # 1,248 in the JSON of the same run
        assert "may lack the requests of the last second" in read.notes

    def test_its_history_gives_bounds(self, measured: Measured) -> None:
        p95 = measured(sample="locust_stats_history.csv").of("http.latency.p95")
        assert (p95.value, p95.low, p95.high) == (None, 28.5, 30.5)

    def test_its_history_ends_with_the_last_request_not_with_the_last_row(self, measured: Measured) -> None:
        text = (SAMPLES / "locust_stats_history.csv").read_text()
        last = text.splitlines()[-1]
        idle = "".join(last.replace("1795146231", str(1795146231 + n)) + "\n" for n in range(1, 60))
        read = measured(text.rstrip() + "\n" + idle)
        assert read.value("http.duration_s") == 3
        assert read.origin.finished == "2026-11-20T03:43:51+00:00"

    def test_the_columns_of_old_versions_are_known(self, measured: Measured) -> None:
        read = measured(
            '"Type","Name","# requests","# failures","Median response time","Average response time","Min response time",'
            '"Max response time","Average Content Size","Requests/s","Requests Failed/s","50%","95%","100%"\n'
            '"GET","/",200,4,31,33,20,140,12,20.0,0.4,31,62,140\n"None","Aggregated",200,4,31,33,20,140,12,20.0,0.4,31,62,140\n'
        )
        assert read.value("http.error_rate") == 0.02
        assert read.value("http.latency.p95") == 62

    def test_a_run_without_requests_or_with_its_total_cut_off_is_no_measurement(self, refused: Refused) -> None:
        text = (SAMPLES / "locust_stats.csv").read_text()
        assert "no row `Aggregated`" in refused("\n".join(text.splitlines()[:-1]))
        assert "cut off" in refused(text[:-40])
        assert "made none" in refused([{"name": "/", "num_requests": 0, "num_failures": 0, "response_times": {}}])

    @pytest.mark.parametrize("name", ["locust_failures.csv", "locust_exceptions.csv"])
    def test_its_lists_of_failures_are_refused_with_what_to_give(self, refused: Refused, name: str) -> None:
        assert "_stats.csv" in refused(path=SAMPLES / name)


def jtl(rows: list[dict[str, str]], columns: list[str], delimiter: str = ",", header: bool = True) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, delimiter=delimiter, extrasaction="ignore", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


class TestJMeter:
    @pytest.fixture
    def rows(self) -> list[dict[str, str]]:
        with (SAMPLES / "jmeter.csv.jtl").open() as stream:
            return list(csv.DictReader(stream))

    def test_columns_are_found_by_name_in_any_order(self, measured: Measured, rows: list[dict[str, str]]) -> None:
        whole = measured(sample="jmeter.csv.jtl")
        assert measured(jtl(rows, ["success", "elapsed", "label", "timeStamp"])).all == whole.all
        assert measured(jtl(rows, list(rows[0]), delimiter=";")).all == whole.all

    @pytest.mark.parametrize("sent", [False, True])
    def test_the_header_may_be_missing(self, measured: Measured, rows: list[dict[str, str]], sent: bool) -> None:
        columns = list(rows[0])
        if sent:
            columns.insert(10, "sentBytes")
        text = jtl([{"sentBytes": "9", **row} for row in rows], columns, header=False)
        assert measured(text).all == measured(sample="jmeter.csv.jtl").all

    def test_a_label_may_hold_the_delimiter(self, measured: Measured, rows: list[dict[str, str]]) -> None:
        rows = [{**row, "label": f'a,b "{row["label"]}"'} for row in rows]
        assert measured(jtl(rows, list(rows[0]))).of("http.latency.p95", 'a,b "GET /users"').samples == 300

    def test_a_transaction_does_not_count_beside_its_requests(
        self, measured: Measured, rows: list[dict[str, str]]
    ) -> None:
        sums = [
            {**row, "label": "buy", "elapsed": "900", "responseMessage": "Number of samples in transaction : 3, number of failing samples : 0"}
            for row in rows[:50]
        ]  # fmt: skip
        read = measured(jtl(rows + sums, list(rows[0])))
        assert read.value("http.latency.max") == 65
        assert "50 transactions do not count" in read.notes

    def test_samples_that_are_no_requests_do_not_count_but_requests_that_failed_do(
        self, measured: Measured, rows: list[dict[str, str]]
    ) -> None:
        scripts = [{**row, "label": "log", "elapsed": "0", "URL": "null"} for row in rows[:100]]
        dead = {
            **rows[0],
            "URL": "null",
            "responseCode": "Non HTTP response code: java.net.ConnectException",
            "success": "false",
        }
        read = measured(jtl([*rows, *scripts, dead], list(rows[0])))
        assert read.value("http.requests") == 601
        assert read.of("http.error_rate").failures == 3
        assert "100 samples are no HTTP requests" in read.notes

    def test_times_may_be_dates(self, measured: Measured, rows: list[dict[str, str]]) -> None:
        rows = [{**row, "timeStamp": f"2026/11/20 03:00:{number / 100:06.3f}"} for number, row in enumerate(rows)]
        read = measured(jtl(rows, list(rows[0])))
        assert read.value("http.duration_s") == pytest.approx(6, abs=0.1)
        assert read.origin.dated_by == "file"  # of which zone they are is not said
        rows = [{**row, "timeStamp": "yesterday"} for row in rows]
        read = measured(jtl(rows, list(rows[0])))
        assert not read.has("http.rps.offered")
        assert "no rate by the second" in read.notes

    def test_without_a_word_on_success_there_is_no_error_rate(
        self, measured: Measured, rows: list[dict[str, str]]
    ) -> None:
        read = measured(jtl(rows, ["timeStamp", "elapsed", "label"]))
        assert not read.has("http.error_rate")
        assert "do not say whether the request failed" in read.notes

    def test_a_row_that_is_cut_off_is_told_with_its_line(self, refused: Refused) -> None:
        text = (SAMPLES / "jmeter.csv.jtl").read_text()
        assert refused(text[:-60]).startswith("line 601 has ")

    def test_a_file_that_jmeter_added_a_run_to_counts_with_its_last_run(
        self, measured: Measured, rows: list[dict[str, str]]
    ) -> None:
        earlier = [{**row, "timeStamp": str(int(row["timeStamp"]) - 86_400_000), "elapsed": "5"} for row in rows[:100]]
        read = measured(jtl(earlier + rows, list(rows[0])))
        assert read.all == measured(sample="jmeter.csv.jtl").all
        assert "100 samples of earlier runs do not count" in read.notes

    def test_files_that_were_joined_have_the_header_more_than_once(
        self, measured: Measured, rows: list[dict[str, str]]
    ) -> None:
        columns = list(rows[0])
        assert measured(jtl(rows[:300], columns) + jtl(rows[300:], columns)).value("http.requests") == 600

    def test_nested_samples_count_once(self, measured: Measured) -> None:
        inner = '<httpSample t="{}" ts="17951464856{}" s="true" lb="{}" rc="200"/>'
        parts = "".join(
            f'<sample t="900" ts="179514648560{n}" s="true" lb="buy" rc="200" rm="Number of samples in transaction : 2">'
            f'<httpSample t="40" ts="179514648561{n}" s="true" lb="page" rc="200">{inner.format(20, 20 + n, "logo")}</httpSample>'
            f"{inner.format(30, 30 + n, 'pay')}</sample>"
            for n in range(10)
        )
        read = measured(f'<?xml version="1.0"?><testResults version="1.2">{parts}</testResults>')
        assert read.value("http.requests") == 20
        assert read.value("http.latency.max") == 40
        assert {one.subject for one in read.all} == {"", "page", "pay"}

    def test_an_entity_of_its_own_is_never_expanded(self, refused: Refused) -> None:
        bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        assert "declares a document type" in refused(f"<?xml version='1.0'?>{bomb}<testResults>&b;</testResults>")
        outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        assert "declares a document type" in refused(f"{outside}<testResults>&a;</testResults>")

    def test_xml_without_its_end_was_cut_off(self, refused: Refused) -> None:
        text = gzip.decompress((SAMPLES / "jmeter.xml.jtl.gz").read_bytes())
        assert "cut off" in refused(text[:-100])
        assert "nested too deeply" in refused(b"<testResults>" + b"<a>" * 200 + b"</a>" * 200 + b"</testResults>")

    def test_its_statistics_are_read(self, measured: Measured, refused: Refused) -> None:
        row = {
            "transaction": "Total", "sampleCount": 2000, "errorCount": 8, "errorPct": 0.4, "meanResTime": 14.2,
            "medianResTime": 12.0, "minResTime": 2.0, "maxResTime": 71.0, "pct1ResTime": 24.0, "pct2ResTime": 29.0,
            "pct3ResTime": 43.0, "throughput": 500.0, "receivedKBytesPerSec": 1.0, "sentKBytesPerSec": 1.0,
        }  # fmt: skip
        read = measured({"GET /users": {**row, "transaction": "GET /users"}, "Total": row})
        assert read.value("http.error_rate") == 0.004  # errorPct is in percent
        assert read.value("http.latency.p95") == 29
        assert read.value("http.duration_s") == 4
        assert "aggregate_rpt_pct" in read.notes
        long = measured({"Total": {**row, "sampleCount": 30000}})
        assert (long.of("http.latency.p95").samples, long.of("http.error_rate").samples) == (20000, 30000)
        assert "from the last 20,000 samples alone" in long.notes
        # percentiles that were configured in another order cannot pass for the usual ones
        assert "p95 is below p90" in refused({"Total": {**row, "pct1ResTime": 43.0, "pct2ResTime": 24.0}})
        assert "no request" in refused({"Total": {**row, "sampleCount": 0, "meanResTime": "NaN", "minResTime": "NaN"}})


class TestVegeta:
    def test_nanoseconds_become_milliseconds_and_throughput_is_of_successes(self, measured: Measured) -> None:
        read = measured(sample="vegeta_report.json")
        assert read.value("http.latency.p95") == pytest.approx(27.875828)
        assert read.value("http.rps.success") == pytest.approx(198.58246, abs=1e-4)
        assert read.value("http.rps.offered") == pytest.approx(200.34196, abs=1e-4)
        assert read.origin.finished == "2026-11-20T03:48:42+00:00"

    def test_a_report_that_contradicts_itself_is_refused(self, refused: Refused) -> None:
        assert "one share of successes" in refused({**sample("vegeta_report.json"), "success": 1})

    def test_raw_results_and_their_report_agree(self, measured: Measured) -> None:
        raw, report = measured(sample="vegeta_encode.csv.gz"), measured(sample="vegeta_report.json")
        assert raw.value("http.error_rate") == report.value("http.error_rate")
        assert raw.value("http.latency.p95") == pytest.approx(report.value("http.latency.p95"), rel=0.02)

    def test_an_error_may_be_of_several_lines(self, measured: Measured, refused: Refused) -> None:
        good = "1795146519945249582,200,9141269,0,19,,e30=,bench,1,GET,http://shop/a?key=meadow,Zm9v\n"
        bad = '1795146519955249582,0,9141269,0,0,"dial ""x"":\nrefused, again",,bench,2,GET,http://shop/b,\n'
        read = measured(good + bad)
        assert read.of("http.error_rate").failures == 1
        assert {one.subject for one in read.all} == {"", "GET http://shop/a", "GET http://shop/b"}
        assert "line 2 is not a result of vegeta" in refused(good + good[:30])
        assert "cut off" in refused(good + bad[:70])

    def test_its_binary_form_is_refused_with_what_to_do(self, refused: Refused) -> None:
        assert "vegeta encode" in refused(
            b"\x82\xff\x81\x03\x01\x01\x06Result\x01\xff\x82\x00\x01\x0b\x01\x06Attack\x01\x0c\x00\x01Latency\x01\x04\x00\x01BytesIn"
        )


class TestOha:
    def test_an_answer_with_a_bad_status_is_a_failure_whatever_its_success_rate_says(self, measured: Measured) -> None:
        content = sample("oha_constructed.json")
        assert content["summary"]["successRate"] == 1.0
        assert measured(content).of("http.error_rate").failures == 8

    def test_requests_under_way_at_the_end_are_no_failures(self, measured: Measured) -> None:
        content = sample("oha_constructed.json")
        content["errorDistribution"] = {"aborted due to deadline": 50, "connection refused": 2}
        read = measured(content)
        assert (read.of("http.error_rate").failures, read.value("http.requests")) == (10, 1832)
        assert "50 requests were under way" in read.notes
        assert read.of("http.latency.p95").samples == 1830

    def test_a_run_in_which_nothing_answered_has_no_latency(self, measured: Measured) -> None:
        content = sample("oha_constructed.json")
        content["statusCodeDistribution"] = {}
        content["errorDistribution"] = {"connection refused": 20}
        content["latencyPercentiles"] = dict.fromkeys(content["latencyPercentiles"])
        content["summary"] |= {"slowest": None, "fastest": None, "average": None}
        read = measured(content)
        assert read.value("http.error_rate") == 1
        assert not read.has("http.latency.p95")

    def test_its_text_is_refused_with_what_to_do(self, refused: Refused) -> None:
        assert "--output-format json" in refused(
            "Summary:\n  Success rate:\t100.00%\n  Total:\t3.0 secs\n  Slowest:\t0.07 secs\n"
        )


class TestHey:
    def test_requests_without_an_answer_are_failures(self, measured: Measured) -> None:
        text = (SAMPLES / "hey.txt").read_text().rstrip() + "\n\nError distribution:\n  [4]\tGet http://x: EOF\n"
        assert measured(text).of("http.error_rate").failures == 10

    def test_its_seconds_have_four_digits(self, measured: Measured) -> None:
        assert measured(sample="hey.txt").bounds("http.latency.p95") == (28.95, 29.05)

    def test_its_csv_says_that_it_leaves_out_what_got_no_answer(self, measured: Measured) -> None:
        assert "without an answer" in measured(sample="hey.csv").notes

    def test_text_that_is_cut_off_is_refused(self, refused: Refused) -> None:
        text = (SAMPLES / "hey.txt").read_text()
        assert "cut off" in refused(text[: text.index("  [200]")])


class TestWrk:
    def test_its_p95_lies_between_what_it_prints(self, measured: Measured) -> None:
        p95 = measured(sample="wrk.txt").of("http.latency.p95")
        assert (p95.value, p95.low, p95.high) == (None, 23.995, 43.355)

    def test_what_the_sockets_lost_are_failures_and_timeouts_are_doubtful(self, measured: Measured) -> None:
        text = (SAMPLES / "wrk.txt").read_text()
        text = text.replace("  Non-2xx", "  Socket errors: connect 0, read 5, write 0, timeout 30\n  Non-2xx")
        rate = measured(text).of("http.error_rate")
        assert (rate.failures, rate.samples) == (17, 1850)
        assert rate.low == pytest.approx(17 / 1850)
        assert rate.high == pytest.approx(47 / 1850)
        assert "30 timeouts" in rate.note

    def test_times_carry_their_units(self, measured: Measured) -> None:
        text = (SAMPLES / "wrk.txt").read_text().replace("11.79ms", "950.00us").replace("43.35ms", "1.20s")
        text = text.replace("74.71ms", "1.31s")
        read = measured(text)
        assert read.value("http.latency.p50") == 0.95
        assert read.bounds("http.latency.p99") == (1195, 1205)

    def test_without_its_option_there_are_no_percentiles(self, measured: Measured) -> None:
        text = (SAMPLES / "wrk.txt").read_text()
        start, end = text.index("  Latency Distribution"), text.index("  1845 requests")
        read = measured(text[:start] + text[end:])
        assert not read.has("http.latency.p95")
        assert "--latency" in read.notes

    def test_the_curve_of_wrk2_narrows_the_bounds(self, measured: Measured) -> None:
        text = (SAMPLES / "wrk.txt").read_text()
        curve = "  Detailed Percentile spectrum:\n       Value   Percentile   TotalCount 1/(1-Percentile)\n\n"
        curve += (
            "      27.103     0.937500         1730        16.00\n      29.503     0.953125         1759        21.33\n"
        )
        assert measured(text.replace("  1845 requests", f"{curve}\n  1845 requests")).bounds("http.latency.p95") == (
            27.1025,
            29.5035,
        )

    def test_wrk2_prints_more_and_its_calibration_does_not_count(self, measured: Measured) -> None:
        read = measured(
            "Running 1m test @ http://shop:8081\n  1 threads and 64 connections\n"
            "  Thread calibration: mean lat.: 1.520ms, rate sampling interval: 10ms\n"
            "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     1.47ms  705.08us  10.63ms   68.84%\n"
            "    Req/Sec     2.11k   260.26     3.56k    67.12%\n"
            "  Latency Distribution (HdrHistogram - Recorded Latency)\n 50.000%    1.40ms\n 75.000%    1.87ms\n"
            " 90.000%    2.41ms\n 99.000%    3.00ms\n 99.900%    6.43ms\n100.000%   10.64ms\n\n"
            "  Detailed Percentile spectrum:\n       Value   Percentile   TotalCount 1/(1-Percentile)\n\n"
            "       2.621     0.943750        93772        17.78\n       2.661     0.950000        94402        20.00\n"
            "      10.639     1.000000        99390          inf\n"
            "#[Mean    =        1.470, StdDeviation   =        0.705]\n"
            "#[Max     =       10.632, Total count    =        99390]\n"
            "----------------------------------------------------------\n"
            "  119988 requests in 1.00m, 7.67MB read\nRequests/sec:   1999.87\nTransfer/sec:    130.85KB\n"
        )
        p95 = read.of("http.latency.p95")
        assert (p95.value, p95.samples) == (2.661, 99390)
        assert read.value("http.latency.max") == 10.64
        assert read.value("http.requests") == 119988

    def test_output_that_is_cut_off_is_refused(self, refused: Refused) -> None:
        assert "cut off" in refused((SAMPLES / "wrk.txt").read_text().partition("  1845")[0])


class TestAutocannon:
    def test_its_p95_lies_between_what_it_prints(self, measured: Measured) -> None:
        p95 = measured(sample="autocannon.json").of("http.latency.p95")
        assert (p95.value, p95.low, p95.high) == (None, 21, 33)

    def test_redirects_are_no_failures_and_errors_are(self, measured: Measured) -> None:
        content = sample("autocannon.json")
        content |= {"3xx": 100, "2xx": 1762, "non2xx": 109, "errors": 3, "timeouts": 2, "mismatches": 1}
        read = measured(content)
        assert (read.of("http.error_rate").failures, read.value("http.requests")) == (12, 1874)
        assert "another body" in read.notes
        del content["4xx"]
        assert measured(content).of("http.error_rate").failures == 112


class TestAb:
    def test_an_answer_of_another_length_is_no_failure(self, measured: Measured) -> None:
        text = (SAMPLES / "ab.txt").read_text()
        text = text.replace("Failed requests:        1", "Failed requests:        41").replace(
            "Length: 1", "Length: 41"
        )
        read = measured(text)
        assert read.of("http.error_rate").failures == 1
        assert "(41) count as good" in read.notes

    def test_its_percentiles_alone_say_nothing_of_failures(self, measured: Measured) -> None:
        read = measured(sample="ab_percentiles.csv")
        assert not read.has("http.error_rate")
        assert read.of("http.latency.p95").samples is None

    def test_its_raw_rows_are_read(self, measured: Measured) -> None:
        rows = "".join(f"Fri Nov 20 03:00:00 2026\t{1795146500 + n // 20}\t0\t{n}\t{n}\t{n}\n" for n in range(1, 101))
        read = measured("starttime\tseconds\tctime\tdtime\tttime\twait\n" + rows)
        assert read.value("http.latency.p95") == 95
        assert not read.has("http.error_rate")

    def test_a_run_that_ab_gave_up_is_refused(self, refused: Refused) -> None:
        text = (SAMPLES / "ab.txt").read_text()
        assert "gave up" in refused(text[: text.index("Server Software")])


class TestGatling:
    def row(self, total: Any) -> dict[str, Any]:
        names = ("minResponseTime", "percentiles1", "percentiles2", "percentiles3", "percentiles4", "maxResponseTime")
        times = dict(zip(names, (2, 11, 17, 29, 43, 71), strict=True))
        three = {name: {"total": total(value), "ok": "-", "ko": total(value)} for name, value in times.items()}
        return {
            "name": "All Requests",
            "numberOfRequests": {"total": total(1000), "ok": total(996), "ko": total(4)},
            "meanNumberOfRequestsPerSecond": {"total": total(250), "ok": total(249), "ko": total(1)},
            "meanResponseTime": {"total": total(13), "ok": total(13), "ko": "-"},
            **three,
        }

    @pytest.mark.parametrize("total", [int, str])
    def test_its_statistics_are_read_as_numbers_or_as_text(self, measured: Measured, total: Any) -> None:
        row = self.row(total)
        for content in (row, {"type": "GROUP", "name": "All Requests", "path": "", "stats": row, "contents": {}}):
            read = measured(content)
            assert read.value("http.latency.p95") == 29
            assert read.value("http.error_rate") == 0.004
            assert read.value("http.duration_s") == 4

    def test_requests_in_groups_are_subjects(self, measured: Measured) -> None:
        leaf = {"type": "REQUEST", "name": "pay", "path": "buy / pay", "stats": self.row(int)}
        group = {
            "type": "GROUP",
            "name": "buy",
            "path": "buy",
            "stats": self.row(int),
            "contents": {"a": leaf, "b": leaf | {"path": "buy / page"}},
        }
        read = measured({"type": "GROUP", "name": "All", "path": "", "stats": self.row(int), "contents": {"g": group}})
        assert {one.subject for one in read.all} == {"", "buy / pay", "buy / page"}

    def test_what_later_versions_write_is_refused_with_what_to_give(self, refused: Refused) -> None:
        assert "3.13.4" in refused("<!DOCTYPE html><html><head><title>Gatling Stats - Global Information</title>")
        assert "3.13.4" in refused("RUN\tshop.BuySimulation\tbuy\t1795146500000\t \t3.10.3\n")


class TestPytestBenchmark:
    def test_seconds_become_milliseconds_and_each_benchmark_is_a_subject(self, measured: Measured) -> None:
        read = measured(sample="pytest_benchmark.json")
        assert read.value("benchmark.mean", "test_b.py::test_sort") == pytest.approx(0.00532886, abs=1e-8)
        assert read.origin.commit == ""

    def test_percentiles_need_the_rounds(self, measured: Measured) -> None:
        content = sample("pytest_benchmark.json")
        assert measured(content).of("benchmark.p95", "test_b.py::test_sort").value is None
        stats = content["benchmarks"][0]["stats"]
        stats |= {"data": [n / 1000 for n in range(1, 101)], "min": 0.001, "median": 0.0505, "max": 0.1, "rounds": 100}
        assert measured(content).value("benchmark.p95", "test_b.py::test_sort") == 95

    def test_the_commit_counts_where_nothing_was_changed_since(self, measured: Measured) -> None:
        content = sample("pytest_benchmark.json")
        content["commit_info"] |= {"id": "a" * 40, "dirty": False}
        assert measured(content).origin.commit == "a" * 40
        content["commit_info"]["dirty"] = True
        read = measured(content)
        assert read.origin.commit == ""
        assert "not committed" in read.notes


class TestPrometheus:
    def test_the_question_says_what_the_number_is(self, measured: Measured, refused: Refused) -> None:
        read = measured(sample="prometheus_query_vector.json", metric="http.latency.p95", unit="s")
        assert read.value("http.latency.p95") == pytest.approx(34.8913, abs=1e-4)
        assert read.origin.finished == "2026-11-20T03:45:06+00:00"
        path = SAMPLES / "prometheus_query_vector.json"
        assert "name the `metric`" in refused(path=path)
        assert "does not say its unit" in refused(path=path, metric="http.latency.p95")
        assert "no metric of qgate" in refused(path=path, metric="http.p95", unit="s")
        assert "unit that does not fit" in refused(path=path, metric="http.latency.p95", unit="%")

    @pytest.mark.parametrize("name", ["prometheus_query_empty.json", "prometheus_query_nan.json"])
    def test_nothing_and_no_number_are_no_data(self, measured: Measured, name: str) -> None:
        read = measured(sample=name, metric="http.error_rate", unit="ratio")
        assert read.all == ()
        assert read.notes

    def test_a_span_of_time_gives_bounds(self, measured: Measured) -> None:
        read = measured(sample="prometheus_query_range.json", metric="http.rps.success")
        assert read.of("http.rps.success").value is None
        assert read.bounds("http.rps.success") == (pytest.approx(1.00075, abs=1e-4), 299.25)

    def test_several_series_are_subjects_and_the_whole_lies_between_them(self, measured: Measured) -> None:
        series = [
            {"metric": {"__name__": "x", "job": "shop", "instance": name}, "value": [1795146306.3, value]}
            for name, value in (("a", "0.2"), ("b", "0.3"), ("c", "NaN"))
        ]
        answer = {"status": "success", "data": {"resultType": "vector", "result": series}}
        read = measured(answer, metric="cpu.utilisation", unit="ratio")
        assert read.bounds("cpu.utilisation") == (0.2, 0.3)
        assert read.value("cpu.utilisation", "instance=b, job=shop") == 0.3
        assert "1 of 3 series hold no number" in read.notes

    def test_a_share_in_percent_cannot_pass_for_a_ratio(self, measured: Measured, refused: Refused) -> None:
        answer = {"status": "success", "data": {"resultType": "scalar", "result": [1795146306, "99.95"]}}
        assert measured(answer, metric="availability", unit="%").value("availability") == pytest.approx(0.9995)
        assert "more than 1" in refused(answer, metric="availability", unit="ratio")

    def test_an_error_is_told(self, refused: Refused) -> None:
        assert "(bad_data)" in refused(path=SAMPLES / "prometheus_query_error.json")
