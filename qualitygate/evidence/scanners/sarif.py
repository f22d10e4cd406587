"""In: a SARIF 2.1.0 log of any tool. Out: the results of each tool in it that count.

Levels as in section 3.27.10 of the standard: the result's own, that of an override, that of its rule, else `warning`.
What a result says of itself in a scale of severity (Bandit, zizmor) goes before the words and the score of its rule, and
these before the level, which has fewer steps: Trivy writes `error` for HIGH and CRITICAL alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qualitygate.evidence.formats import Format
from qualitygate.evidence.opened import Opened, Unreadable
from qualitygate.evidence.scanners.alerts import (
    UNRATED,
    identified,
    label,
    masked,
    moment,
    sentence,
    severity_of_score,
    severity_of_word,
    speaks_of_secret,
)
from qualitygate.evidence.scanners.places import Places, address, inside
from qualitygate.evidence.scanners.sarif_log import (
    Invocation,
    Log,
    Message,
    Notification,
    Physical,
    Reference,
    Result,
    Rule,
    Run,
)
from qualitygate.model.evidence import Alert, Scanned

KIND = "sarif"
_TOLD = 3
# How Trivy, OSV-Scanner and Grype name a package and its version in a message: SARIF has no field for it.
_PACKAGES = (
    re.compile(r"^Package: (\S+)\r?\nInstalled Version: (\S+)"),
    re.compile(r"^Package '([^'@]+)@([^']+)' is vulnerable"),
    re.compile(r"^The path \S+ reports (\S+) at version (\S+) "),
    re.compile(r"^An? \w+ vulnerability in [\w-]+ package: ([^,\s]+), version (\S+) was found"),
)
# A log names a base in terms of another; more steps than this are a circle.
_MOST_BASES = 8


def read_sarif(source: Opened) -> tuple[Scanned, ...]:
    """What each tool of a log found, in the order of their first runs; runs of one tool are read as one."""
    log = source.decode(Log)
    if not log.version.startswith("2.1"):
        raise Unreadable(f"is SARIF {log.version or 'of no version'}, which is not read: let the tool write 2.1.0")
    if not log.runs:
        raise Unreadable("is SARIF without a run in it: the tool did not write what it did")
    tools: dict[str, list[Run]] = {}
    for run in log.runs:
        tools.setdefault(run.tool.driver.name, []).append(run)
    places = Places(source.root)
    return tuple(_scanned(runs, source, places) for runs in tools.values())


def _scanned(runs: Sequence[Run], source: Opened, places: Places) -> Scanned:
    driver = runs[0].tool.driver
    aside: Counter[str] = Counter()
    found = [drafted for run in runs for drafted in _Reader(run, places, aside).alerts()]
    invocations = [invocation for run in runs for invocation in run.invocations or ()]
    commits = {one.revision_id for run in runs for one in run.version_control_provenance or () if one.revision_id}
    return Scanned(
        origin=source.origin(
            "SARIF 2.1.0",
            sentence(driver.name) or "unnamed",
            version=driver.semantic_version or driver.version or "",
            finished=max((moment(one.end_time_utc) for one in invocations), default=""),
            commit=commits.pop() if len(commits) == 1 else "",
        ),
        alerts=identified(driver.name, found, places),
        fault="; ".join(dict.fromkeys(_faults(runs, invocations))),
        notes=tuple(f"{what}: {count}" for what, count in sorted(aside.items())) + _warnings(invocations),
    )


def _faults(runs: Sequence[Run], invocations: Sequence[Invocation]) -> Iterator[str]:
    """Why the results are not all that there is."""
    for run in runs:
        external = run.external_property_file_references
        if external is not None and external.results:
            yield "its results lie in other files, which are not read"
        elif run.results is None:
            # Section 3.14.23: an empty list says that nothing was found, no list that nothing was looked for.
            yield "the run has no list of results: nothing was looked for"
    for invocation in invocations:
        if invocation.execution_successful is False:
            told = sentence(invocation.exit_code_description or "")
            yield f"the tool says that its run failed{f': {told}' if told else ''}"
    errors = [_told(one) for one in _notifications(invocations) if one.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        yield f"the tool told an error: {errors[0]}{more}"


def _warnings(invocations: Sequence[Invocation]) -> tuple[str, ...]:
    told = list(dict.fromkeys(_told(one) for one in _notifications(invocations) if one.level in (None, "warning")))
    more = (f"{len(told) - _TOLD} more warnings of the tool",) if len(told) > _TOLD else ()
    return (*(f"the tool warned: {one}" for one in told[:_TOLD]), *more)


def _notifications(invocations: Sequence[Invocation]) -> Iterator[Notification]:
    for one in invocations:
        yield from one.tool_execution_notifications or ()
        yield from one.tool_configuration_notifications or ()


def _told(notification: Notification) -> str:
    message = notification.message
    return sentence((message.text or message.markdown or message.id or "") if message is not None else "") or "no words"


class _Reader:
    """One run; what of it does not count is added to ``aside``, in words."""

    def __init__(self, run: Run, places: Places, aside: Counter[str]) -> None:
        self.run = run
        self.places = places
        self.aside = aside
        self.components = (run.tool.driver, *(run.tool.extensions or ()))
        self.named: dict[str, Rule] = {}
        for component in self.components:
            for rule in component.rules or ():
                self.named.setdefault(rule.id, rule)
        self.overrides = {
            identity: override.configuration.level
            for invocation in run.invocations or ()
            for override in invocation.rule_configuration_overrides or ()
            if override.configuration is not None and override.configuration.level
            if (identity := self._rule(override.descriptor, None, None)[0])
        }
        addresses = {self._address(result) for result in run.results or ()}
        self.top = places.top(one for one in addresses if one.startswith("/"))

    def alerts(self) -> Iterator[tuple[Alert, str | None]]:
        """Each result that counts, and what it is known by; None for the words of its line."""
        for result in self.run.results or ():
            reason = _uncounted(result)
            if reason:
                self.aside[reason] += 1
                continue
            path, line = self._place(result)
            if path is None:
                self.aside["results in other parts of the repository, not counted"] += 1
                continue
            identity, rule = self._rule(result.rule, result.rule_id, result.rule_index)
            about = _about(identity, rule)
            message = masked(sentence(_text(result.message, rule)), about)
            if not message and rule is not None:
                message = sentence(_text(rule.short_description, None))
            package = _package(result)
            words = package or ("" if speaks_of_secret(about) else None if path else message)
            severity = self._severity(result, identity, rule)
            yield Alert(sentence(identity) or "unnamed", severity, message, path, line, package), words

    def _rule(self, reference: Reference | None, identity: str | None, index: int | None) -> tuple[str, Rule | None]:
        """Id and description of a rule, by whatever names it (section 3.52)."""
        component = self.components[0]
        if reference is not None:
            identity = identity or reference.id
            index = reference.index if index is None else index
            number = reference.tool_component.index if reference.tool_component is not None else None
            if number is not None and 0 <= number < len(self.components) - 1:
                component = self.components[number + 1]
        rules = component.rules or ()
        rule = rules[index] if index is not None and 0 <= index < len(rules) else None
        if rule is not None and identity and not _is_of(identity, rule.id):
            rule = None
        if rule is None and identity:
            rule = self.named.get(identity)
            above = identity
            # An id may name a part of a rule: CA1000/1.
            while rule is None and "/" in above:
                above = above.rpartition("/")[0]
                rule = self.named.get(above)
        return identity or (rule.id if rule is not None else ""), rule

    def _severity(self, result: Result, identity: str, rule: Rule | None) -> str:
        rules = rule.properties if rule is not None and isinstance(rule.properties, dict) else {}
        level = (
            result.level
            or self.overrides.get(identity)
            or (rule.default_configuration.level if rule is not None and rule.default_configuration else None)
            or "warning"
        )
        return (
            _own_severity(result.properties if isinstance(result.properties, dict) else {})
            or _tagged(rules)
            or severity_of_score(rules.get("security-severity"))
            or _own_severity(rules)
            or severity_of_word(rules.get("problem.severity"))
            or severity_of_word(level)
            or UNRATED
        )

    def _place(self, result: Result) -> tuple[str | None, int]:
        """Path and line: an empty path where the result has no place here, None where it is in another part."""
        where = self._address(result)
        physical = _physical(result)
        line = int(physical.region.start_line or 0) if physical is not None and physical.region is not None else 0
        if not where:
            return "", 0
        path: str | None
        if where.startswith("/"):
            path = where[len(self.top) :] if self.top and where.startswith(self.top) else ""
            path = inside(path)
        else:
            path = self.places.relative(where)
        if path == "":
            self.aside["results outside the scanned folder, counted without a place"] += 1
        return path, max(0, line) if path else 0

    def _address(self, result: Result) -> str:
        physical = _physical(result)
        where = physical.artifact_location if physical is not None else None
        artifacts = self.run.artifacts or ()
        if where is not None and where.uri is None and where.index is not None and 0 <= where.index < len(artifacts):
            where = artifacts[where.index].location
        if where is None or not where.uri:
            return ""
        return address(where.uri, tuple(self._bases(where.uri_base_id)))

    def _bases(self, identity: str | None) -> Iterator[str]:
        known = self.run.original_uri_base_ids
        for _ in range(_MOST_BASES):
            base = known.get(identity) if identity and isinstance(known, dict) else None
            if base is None:
                return
            if base.uri:
                yield base.uri
            identity = base.uri_base_id


def _package(result: Result) -> str:
    """The package that a result is about, as the scanners of dependencies write it; empty for others."""
    message = result.message
    text = (message.text or "")[:1_000] if message is not None else ""
    found = next(filter(None, (form.search(text) for form in _PACKAGES)), None)
    return sentence(label(found[1], found[2])) if found is not None else ""


def _is_of(identity: str, rule: str) -> bool:
    return identity == rule or identity.startswith(f"{rule}/")


def _physical(result: Result) -> Physical | None:
    return result.locations[0].physical_location if result.locations else None


def _uncounted(result: Result) -> str:
    """Why a result does not count; empty where it does."""
    if result.kind not in (None, "fail"):
        return f"results of the kind {sentence(result.kind or '')!r}, which are no findings"
    if result.baseline_state == "absent":
        return "results gone since the tool's own baseline"
    # Section 3.35: one that is under review or was rejected suppresses nothing.
    if result.suppressions and all(one.status in (None, "accepted") for one in result.suppressions):
        return "results suppressed in the tool"
    return ""


def _about(identity: str, rule: Rule | None) -> str:
    """The words by which a rule says what it is about."""
    if rule is None:
        return identity
    tags = rule.properties.get("tags") if isinstance(rule.properties, dict) else None
    named = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return " ".join((identity, rule.name or "", _text(rule.short_description, None), *named))


def _own_severity(properties: Mapping[str, Any]) -> str:
    """The severity in a tool's own property: `severity`, `issue_severity` (Bandit), `zizmor/severity`; or its score."""
    for key, value in properties.items():
        name = key.rpartition("/")[2].lower()
        if name == "security-severity" and (severity := severity_of_score(value)):
            return severity
        if name in ("severity", "issue_severity") and (severity := severity_of_word(value) or severity_of_score(value)):
            return severity
    return ""


def _tagged(properties: Mapping[str, Any]) -> str:
    """The severity among the tags of a rule, in capitals as Trivy writes it."""
    tags = properties.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, str) and tag.isupper() and (severity := severity_of_word(tag)):
            return severity
    return ""


def _text(message: Message | None, rule: Rule | None) -> str:
    """The words of a message, those that it takes from its rule included (section 3.11)."""
    if message is None:
        return ""
    text = message.text or message.markdown
    if not text and message.id and rule is not None and isinstance(rule.message_strings, dict):
        template = rule.message_strings.get(message.id)
        text = (template.text or template.markdown or "") if template is not None else ""
        for number, argument in enumerate(message.arguments or ()):
            text = text.replace(f"{{{number}}}", argument[:1_000])
    return text or ""


FORMATS = (Format("SARIF 2.1.0", KIND, read_sarif, keys=("version", "runs")),)
