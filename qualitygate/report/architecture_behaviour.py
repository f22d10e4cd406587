"""In: a scanned repository. Out: the sections that say how it behaves: caching, communication, access, load, failure, insight."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from qualitygate.model.architecture import Outbound, Route, Scope, Task
from qualitygate.model.finding import Finding
from qualitygate.model.source import Place
from qualitygate.report.architecture_facts import by_prefix
from qualitygate.report.architecture_markup import code, count, folded, items, long_table, series, table, text
from qualitygate.report.architecture_subject import Subject, of, sentence, share

_ROWS = 12
_TIMEOUTS = {"": "not stated", "none": "switched off", "set": "stated", "unknown": "not known"}
_FEW = 6  # rows that are not worth folding
_FOLDED = 100
# Services and protocols that code reaches through a library of their own, by the name that is imported.
_SERVICES = {
    "stripe": "Stripe",
    "braintree": "Braintree",
    "adyen": "Adyen",
    "Adyen": "Adyen",
    "paypalrestsdk": "PayPal",
    "razorpay": "Razorpay",
    "boto3": "AWS",
    "aioboto3": "AWS",
    "azure": "Azure",
    "googleapiclient": "Google APIs",
    "twilio": "Twilio",
    "sendgrid": "SendGrid",
    "mailchimp_marketing": "Mailchimp",
    "postmarker": "Postmark",
    "slack_sdk": "Slack",
    "slack_bolt": "Slack",
    "slackclient": "Slack",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "litellm": "model providers",
    "github": "GitHub",
    "githubkit": "GitHub",
    "gitlab": "GitLab",
    "jira": "Jira",
    "atlassian": "Atlassian",
    "pagerduty": "PagerDuty",
    "zendesk": "Zendesk",
    "telegram": "Telegram",
    "discord": "Discord",
    "firebase_admin": "Firebase",
    "onesignal_sdk": "OneSignal",
    "pusher": "Pusher",
    "algoliasearch": "Algolia",
    "kubernetes": "Kubernetes",
    "kubernetes_asyncio": "Kubernetes",
    "docker": "Docker",
    "aiodocker": "Docker",
    "hvac": "HashiCorp Vault",
    "consul": "Consul",
    "ldap": "LDAP",
    "ldap3": "LDAP",
    "paramiko": "SSH",
    "asyncssh": "SSH",
    "grpc": "gRPC",
    "zeep": "SOAP",
    "suds": "SOAP",
    "pycurl": "HTTP",
    "requests_hardened": "HTTP",
    "httplib2": "HTTP",
    "aiosmtplib": "SMTP",
    "pysnmp": "SNMP",
    "paho": "MQTT",
    "aiomqtt": "MQTT",
    "apprise": "notification services",
}
# What a library is for, where it is there to let people see what a service does. By the name that is imported.
_INSIGHT = {
    "Structured logs": frozenset(
        "structlog loguru pythonjsonlogger json_log_formatter ecs_logging logfire eliot".split()
    ),
    "Metrics": frozenset(
        "prometheus_client prometheus_fastapi_instrumentator starlette_prometheus django_prometheus aioprometheus statsd "
        "datadog prometheus_flask_exporter django_statsd".split()
    ),
    "Traces": frozenset(
        "opentelemetry ddtrace elasticapm newrelic jaeger_client opentracing aws_xray_sdk logfire".split()
    ),
    "Error reports": frozenset("sentry_sdk raven rollbar bugsnag honeybadger airbrake".split()),
    "Request numbers": frozenset("asgi_correlation_id django_guid flask_log_request_id starlette_context".split()),
}


def caching(subject: Subject) -> str:
    """What is kept in caches, where, and for how long."""
    project, links = subject.project, subject.links
    stores = [cache for cache in project.caches if cache.kind == "store"]
    entries = [cache for cache in project.caches if cache.kind != "store"]
    servers = [reach for reach in subject.facts.reaches if reach.kind == "cache"]
    lines = []
    if servers:
        lines.append(
            f"Servers and clients: {series([f'{code(one.name)} ({subject.best(one.places)})' for one in servers])}."
        )
    lines += [
        f"Store {code(one.name)}"
        + (f" in {code(one.backend)}" if one.backend else "")
        + f", {_life(one.ttl)} ({links.to(one.place)})."
        for one in stores
    ]
    parts = [items(lines)] if lines else []
    if entries:
        rows = [
            (
                code(one.name) or "(its key is not known)",
                text(one.library),
                _life(one.ttl),
                f"{len(one.routes) or ''}",
                links.to(one.place),
            )
            for one in entries
        ]
        heads = ("Entry", "Library", "Lives", "Routes that keep it:", "Evidence")
        parts.append(long_table(heads, rows, _ROWS, "entries"))
    parts += _findings(subject, "caching")
    return "\n\n".join(parts) or "Nothing was found that keeps something in a cache."


def _life(ttl: str) -> str:
    if ttl == "never":
        return "for ever"
    if ttl == "default":
        return "as long as the store says"
    if not ttl:
        return "not known how long"
    return (
        f"{text(ttl)} s"
        if ttl.replace(".", "", 1).isdigit()
        else f"as {code(ttl)} says"
        if ttl != "set"
        else "limited, by a value of the code"
    )


def communication(subject: Subject) -> str:
    """Calls to other systems, tasks, queues and topics."""
    project, links = subject.project, subject.links
    parts = []
    if project.outbound:
        parts.append(_calls(subject, project.outbound))
    services = [one for one in subject.facts.libraries if one.name in _SERVICES]
    if services:
        told = [
            f"{_SERVICES[one.name]} by {code(one.name)} in {count(one.files, 'file')} ({links.to(one.place)})"
            for one in services
        ]
        parts.append("Through libraries of their own, whose calls are not followed:\n\n" + items(told))
    if project.tasks:
        parts.append(_tasks(subject, project.tasks))
    if project.channels:
        channels = [
            (code(one.name) or "(not known)", text(one.direction), text(one.library), links.to(one.place))
            for one in project.channels
        ]
        heads = ("Queue or topic", "Direction", "Library", "Evidence")
        parts.append("**Messages**:\n\n" + long_table(heads, channels, _ROWS, "places"))
    parts += _findings(subject, "messaging")
    return "\n\n".join(parts) or "No call to another system, no task and no queue was found."


def _calls(subject: Subject, calls: Sequence[Outbound]) -> str:
    links = subject.links
    hosts: dict[str, list[Outbound]] = defaultdict(list)
    for one in calls:
        if one.host:
            hosts[one.host].append(one)
    rest = [one for one in calls if not one.host]
    where = f"{count(len(hosts), 'host')} spelled in the code" if hosts else "no host is spelled in the code"
    told = f"**Synchronous**: {count(len(calls), 'recognised call')} over HTTP; {where}"
    if rest and hosts:
        told += f", {len(rest):,} of the calls go where a setting, an argument or a record says"
    parts = [f"{told}."]
    heads = ("Host", "Calls:", "Time limit stated:", "Client", "Evidence")
    rows = [
        (
            code(host),
            f"{len(found):,}",
            of(sum(_limited(one) for one in found), len(found)),
            text(", ".join(sorted({one.client for one in found}))),
            links.all([one.place for one in found]),
        )
        for host, found in sorted(hosts.items())
    ]
    if rows:
        parts.append(long_table(heads, rows, _ROWS, "hosts"))
    if rest:
        others = [
            (
                code(one.call),
                code(one.target),
                _TIMEOUTS.get(one.timeout) or text(one.timeout) + " s",
                links.to(one.place),
            )
            for one in sorted(rest, key=lambda one: (one.place.path, one.place.span))
        ]
        listed = table(("Call", "Address from", "Time limit", "Evidence"), others[:_FOLDED])
        parts.append(
            listed if len(others) <= _FEW else folded(f"The {count(len(others), 'call')} to other addresses", listed)
        )
    return "\n\n".join(parts)


def _tasks(subject: Subject, tasks: Sequence[Task]) -> str:
    links = subject.links
    queues: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        queues[task.library, task.queue].append(task)
    rows = [
        (
            _LIBRARIES.get(library, text(library)),
            code(queue) or "(none named)",
            f"{len(found):,}",
            of(sum(bool(task.retries) for task in found), len(found)),
            of(sum(bool(task.time_limit) for task in found), len(found)),
            f"{sum(bool(task.routes) for task in found) or ''}",
            links.to(found[0].place),
        )
        for (library, queue), found in sorted(queues.items(), key=lambda one: (-len(one[1]), one[0]))
    ]
    heads = ("Library", "Queue", "Tasks:", "Retries stated:", "Time limit stated:", "Handed over by routes:", "First")
    parts = [f"**Asynchronous**: {count(len(tasks), 'task')}.", long_table(heads, rows, _ROWS, "queues")]
    scheduled = [task for task in tasks if task.schedule]
    if scheduled:
        told = [(code(task.name), code(task.schedule), links.to(task.place)) for task in scheduled]
        parts.append(
            folded(f"{count(len(scheduled), 'task')} by the clock", table(("Task", "When", "Evidence"), told[:100]))
        )
    return "\n\n".join(parts)


_LIBRARIES = {"starlette": "starlette (in the web process, after the answer)"}


def _limited(call: Outbound) -> bool:
    return call.timeout not in ("", "none", "unknown")


def access(subject: Subject) -> str:
    """Who may call what: guards, routes without one."""
    links = subject.links
    routes, unseen = subject.api, subject.open
    if not subject.project.routes:
        return "No HTTP route was found, so nothing is known of who may call what."
    guards: dict[tuple[str, str], list[Place]] = defaultdict(list)
    served: Counter[tuple[str, str]] = Counter()
    for route in subject.project.routes:
        for key in {(guard.kind, guard.name) for guard in route.guards if guard.kind != "throttling"}:
            served[key] += 1
        for guard in route.guards:
            guards[guard.kind, guard.name].append(guard.place)
    parts = []
    if served:
        rows = [
            (code(name), _KINDS.get(kind, text(kind)), f"{number:,}", links.to(guards[kind, name][0]))
            for (kind, name), number in sorted(served.items(), key=lambda one: (-one[1], one[0]))
        ]
        heads = ("Guard", "What it does", "Routes:", "Evidence")
        parts.append(long_table(heads, rows, _ROWS, "guards"))
    if routes:
        declared = sum(subject.declared(route) for route in routes)
        told = f"{sentence(share(declared, len(routes), 'API operation'))} have a guard declared before them."
        bare = set(map(id, unseen))
        read = [route for route in routes if not subject.declared(route) and id(route) not in bare]
        asking = sum(any(guard.kind == "identity" for guard in route.guards) for route in read)
        if asking:
            told += f" {asking:,} more read in the handler who is calling, and may answer strangers too."
        if len(read) > asking:
            told += f" {len(read) - asking:,} more call something that asks by its name."
        parts.append(told)
    pages = [route for route in subject.project.routes if not route.api]
    if pages:
        declared = sum(subject.declared(route) for route in pages)
        parts.append(
            f"Of {count(len(pages), 'route')} for pages and files {declared:,} have a guard declared before them."
        )
    if subject.everywhere:
        names = series([code(name) for name in sorted(subject.everywhere)], 3)
        parts.append(
            f"Not counted is what stands before nearly every route, health checks too, and may only note the caller: {names}."
        )
    if unseen:
        told = "Operations before which nothing was seen that asks who is calling. Some are open on purpose; a proxy or a gateway may guard others:"
        if len(unseen) <= _ROWS:
            parts.append(f"{told}\n\n{_operations(subject, unseen)}")
        else:
            heads = ("Prefix", "Open operations:", "For example", "Evidence")
            rows = [
                (
                    code(group.prefix) + (" (the rest)" if group.rest else ""),
                    f"{len(group.routes):,}",
                    code(_name(group.routes[0])),
                    links.to(group.routes[0].place),
                )
                for group in by_prefix(unseen, _ROWS)
            ]
            parts.append(f"{told}\n\n{table(heads, rows)}")
            parts.append(folded(f"The {len(unseen):,} operations", _operations(subject, unseen[:150])))
    schemes = [(scheme, contract) for contract in subject.project.contracts for scheme in contract.schemes]
    if schemes:
        kinds = {
            f"{scheme.name}: {scheme.kind}{f' {scheme.detail}' if scheme.detail else ''}": scheme.place
            for scheme, _ in schemes
        }
        parts.append(
            f"Contracts name the schemes {series([f'{text(name)} ({links.to(place)})' for name, place in kinds.items()])}."
        )
    return "\n\n".join(parts)


_KINDS = {
    "authentication": "says who calls, declared",
    "identity": "says who calls, asked by the handler",
    "check": "asks something, by its name",
}


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


def _operations(subject: Subject, routes: Sequence[Route]) -> str:
    return items(f"{code(_name(route))} ({subject.links.to(route.place)})" for route in routes)


def load(subject: Subject) -> str:
    """What decides how much the service bears: connections, pools, state in the process, size of answers."""
    project, links = subject.project, subject.links
    lines = []
    scopes: dict[Scope, list[Place]] = defaultdict(list)
    for one in project.connections:
        scopes[one.scope].append(one.place)
    if project.connections:
        told = [
            f"{_SCOPES[scope]} {len(places):,} ({links.to(places[0])})"
            for scope, places in sorted(scopes.items(), key=lambda one: (-len(one[1]), one[0].value))
        ]
        lines.append(
            f"{sentence(count(len(project.connections), 'place'))} make clients, engines or connections: {', '.join(told)}."
        )
    changed = [(state, change) for state in project.state for change in state.changes if change.routes]
    if changed:
        names = list(dict.fromkeys(links.named(state.name, state.place) for state, _ in changed))
        lines.append(
            f"State in the process that requests change, so that several instances do not share it: {series(names, 6)}."
        )
    if project.page_sizes:
        bounded = sum(bool(one.bound) for one in project.page_sizes)
        lines.append(
            f"{sentence(share(bounded, len(project.page_sizes), 'parameter'))} for the size of a page have an upper bound."
        )
    scaled = [(unit, place) for unit, place in subject.units if unit.scale]
    if scaled:
        lines.append(
            f"Replicas or schedules are stated for {series([f'{text(unit.name)} {text(unit.scale)} ({links.to(place)})' for unit, place in scaled])}."
        )
    parts = [items(lines)] if lines else []
    found = subject.of_gates(
        "api_response_time", "throughput", "database_performance", "memory_usage", "cpu_utilization"
    )
    found += [one for one in subject.findings() if one.domain.value == "scaling" and one not in found]
    parts.append(_told(subject, found, "Findings about load"))
    measured = [row for row in subject.report.verdict.rows if row.evidence == "measured"]
    if measured:
        parts.append(
            "Measured:\n\n"
            + table(
                ("Row", "Value", "Limit", "State"),
                [(code(row.id), text(row.value), text(row.limit), text(row.state.value)) for row in measured],
            )
        )
    else:
        parts.append(
            "No measurement was given to this report: response times, throughput and use of memory are not known from code."
        )
    return "\n\n".join(parts)


_SCOPES = {
    Scope.MODULE: "when a module is loaded",
    Scope.LIFESPAN: "at start",
    Scope.MEMOISED: "once and kept",
    Scope.REQUEST: "for every request",
    Scope.WORKER: "in workers",
    Scope.COMMAND: "in commands",
    Scope.UNKNOWN: "where the analysis could not tell how often",
}


def resilience(subject: Subject) -> str:
    """Time limits, retries, health checks: what happens when something else fails."""
    project, links = subject.project, subject.links
    lines = []
    if project.outbound:
        limited = sum(_limited(one) for one in project.outbound)
        unknown = sum(one.timeout == "unknown" for one in project.outbound)
        retried = [one for one in project.outbound if one.retry]
        lines.append(
            f"Time limits stated at the call or its client: {share(limited, len(project.outbound), 'outbound call')}"
            + (f" ({unknown:,} may have one that was not followed)" if unknown else "")
            + "; defaults of the libraries are not counted."
        )
        lines.append(
            f"Retries: {share(len(retried), len(project.outbound), 'outbound call')}"
            + (f" ({links.all([one.place for one in retried])})." if retried else ".")
        )
    if project.tasks:
        retries = sum(bool(task.retries) for task in project.tasks)
        limits = sum(bool(task.time_limit) for task in project.tasks)
        lines.append(
            f"Tasks: {share(retries, len(project.tasks), 'task')} state their retries, {limits:,} a time limit; "
            "defaults of the broker or the worker are not counted."
        )
    health = [route for route in project.routes if route.exempt == "health"]
    if health:
        told = [f"{code(_name(one))} ({links.to(one.place)})" for one in health]
        lines.append(f"Health: {series(told, 4)}.")
    elif project.routes:
        lines.append("Health: no route that answers whether the service is well was found.")
    asked = [place for unit, place in subject.units if unit.health]
    if subject.units:
        lines.append(
            f"Of {count(len(subject.units), 'stated unit')} {len(asked):,} have a health check"
            + (f" ({links.all(asked)})." if asked else ".")
        )
    parts = [items(lines)] if lines else []
    parts.append(_told(subject, subject.of_gates("graceful_degradation", "recovery_time"), "Findings about failure"))
    return "\n\n".join(parts)


def errors(subject: Subject) -> str:
    """How errors are answered."""
    project, links = subject.project, subject.links
    parts = []
    if project.error_handlers:
        handlers = [
            (code(one.catches), "RFC 9457" if one.problem else "", links.to(one.place))
            for one in project.error_handlers
        ]
        told = long_table(("Handler for", "Form", "Evidence"), handlers, _ROWS, "handlers")
        parts.append(f"Handlers that turn exceptions into answers: {len(handlers)}.\n\n{told}")
    shapes: dict[tuple[str, tuple[str, ...]], list[Place]] = defaultdict(list)
    for error in project.errors:
        if error.routes and not error.says:
            shapes[error.shape, error.keys].append(error.place)
    if shapes:
        rows = [
            (_SHAPES.get(shape, text(shape)), code(", ".join(keys)), f"{len(places):,}", links.all(places))
            for (shape, keys), places in sorted(shapes.items(), key=lambda one: (-len(one[1]), one[0]))
        ]
        parts.append(
            "Forms in which routes answer errors:\n\n" + table(("Form", "Keys", "Places:", "Evidence"), rows[:8])
        )
        if len(rows) > 8:
            parts.append(f"{len(rows) - 8:,} more forms are listed by `qgate inventory`.")
    found = subject.about("error")
    parts.append(_told(subject, found, "Findings about errors"))
    return "\n\n".join(parts)


_SHAPES = {
    "text": "bare text",
    "object": "an object made on the spot",
    "framework": "the framework's own, with text",
    "framework-object": "the framework's own, with an object",
    "problem": "problem details (RFC 9457)",
    "exception": "text of the exception",
    "empty": "no body",
    "unknown": "not known",
}


def insight(subject: Subject) -> str:
    """What lets people see what the service does."""
    links = subject.links
    lines = []
    missing = []
    for title, names in _INSIGHT.items():
        found = [one for one in subject.facts.libraries if one.name in names]
        told = [f"{code(one.name)} in {count(one.files, 'file')} ({links.to(one.place)})" for one in found]
        if told:
            lines.append(f"{title}: {series(told)}.")
        else:
            missing.append(title.lower())
    if missing:
        lines.append(f"None of the usual libraries is imported for {', '.join(missing)}.")
    metrics = [route for route in subject.project.routes if route.exempt == "metrics"]
    if metrics:
        lines.append(
            f"Routes named for metrics: {series([f'{code(one.path)} ({links.to(one.place)})' for one in metrics], 3)}."
        )
    return "\n\n".join([items(lines), *_findings(subject, "monitoring")])


def security(subject: Subject) -> str:
    """Findings of the domain, and the requirements that all findings touch."""
    parts = _findings(subject, "security") or ["No finding of this domain."]
    touched: Counter[str] = Counter()
    for finding in subject.findings():
        touched.update(tag for tag in finding.tags if not tag.startswith("CWE"))
    if touched:
        rows = [
            (text(tag), f"{number:,}") for tag, number in sorted(touched.items(), key=lambda one: (-one[1], one[0]))
        ]
        parts.append(
            folded(
                f"{count(len(rows), 'requirement')} that findings touch",
                table(("Requirement", "Findings:"), rows[:60]),
            )
        )
        parts.append("That nothing touches a requirement does not show that it is met.")
    return "\n\n".join(parts)


def _findings(subject: Subject, domain: str) -> list[str]:
    """The findings of a domain, in a line; none where there are none."""
    found = [finding for finding in subject.findings() if finding.domain.value == domain]
    return [_told(subject, found, "Findings")] if found else []


def _told(subject: Subject, found: Sequence[Finding], title: str) -> str:
    if not found:
        return f"{title}: none."
    places = list(_first_places(found))
    return f"{title}: {subject.told(found)} ({subject.links.all(places, 3)})."


def _first_places(found: Iterable[Finding]) -> Iterator[Place]:
    """One place a check."""
    seen = set()
    for finding in found:
        if finding.check not in seen:
            seen.add(finding.check)
            yield finding.place
