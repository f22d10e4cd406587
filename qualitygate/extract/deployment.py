"""In: the text of a file that says what is built and run. Out: the images, services, workloads and processes that it names.

Read are container files, compose files, manifests of Kubernetes, the head of a Helm chart, Procfiles, and the
configuration of supervisor and of systemd. What cannot be understood gives nothing: a template is no manifest yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from posixpath import basename, dirname
from typing import Any

from qualitygate.model.deployment import Unit
from qualitygate.model.source import Language, Role, SourceFile, Span, Text

_LARGEST = 500_000
_LONGEST = 100
_MOST = 200  # units of one file
_COMPOSE = re.compile(r"(?:.{0,99}[-_.])?compose(?:[-_.].{0,99})?\.ya?ml")
_WORKLOAD = re.compile(r"^kind:[ \t]*[\"']?(Deployment|StatefulSet|DaemonSet|CronJob|Job)\b", re.MULTILINE)
_INSTRUCTION = re.compile(r"[ \t]*([A-Za-z]+)[ \t]+(.*)")
_PROCESS = re.compile(r"([A-Za-z0-9_-]+):[ \t]*(\S.*)")
_SECTION = re.compile(r"[ \t]*\[([^\[\]]+)\]")
_ENTRY = re.compile(r"[ \t]*(command|ExecStart|Description)[ \t]*=[ \t]*(\S.*)")
# A value that follows such a word in a command is nobody's business.
_PRIVATE = re.compile(
    r"((?:pass|secret|token|key|auth)[\w-]{0,60}(?:[= ]|:[ ]*)[\"']?|://[^/\s:@]{0,80}:)[^\s\"'@]+", re.IGNORECASE
)


def deploys(file: SourceFile) -> bool:
    """Whether a file may say what is built or run, by its name."""
    name = basename(file.path)
    return (
        file.language in (Language.DOCKERFILE, Language.YAML)
        or name.startswith("Procfile")
        or name.endswith(".service")
        or (name.startswith("supervisor") and name.endswith((".conf", ".ini")))
    )


def find_units(file: SourceFile, text: Text) -> tuple[Unit, ...]:
    """What the file builds and runs, in its order. ``text`` must already be without secrets."""
    if file.role is not Role.APPLICATION or not deploys(file) or len(text.content) > _LARGEST:
        return ()
    name = basename(file.path)
    if file.language is Language.DOCKERFILE:
        found = _image(file.path, text)
    elif file.language is not Language.YAML:
        found = _processes(text) if name.startswith("Procfile") else _programs(name, text)
    elif name == "Chart.yaml":
        found = _chart(text)
    elif _COMPOSE.fullmatch(name) and "services:" in text.content:
        found = _services(text)
    elif _WORKLOAD.search(text.content):
        found = _workloads(text)
    else:
        return ()
    return tuple(unit for unit, _ in zip(found, range(_MOST), strict=False))


def _image(path: str, text: Text) -> Iterator[Unit]:
    """The last stage of a container file: the one that is built when none is named."""
    name = basename(path)
    tag = name.removeprefix("Dockerfile").removeprefix("Containerfile").removesuffix("Dockerfile").strip(".-_")
    stages: dict[str, str] = {}
    base = command = entry = ""
    ports: list[str] = []
    span = Span(1, 1, 1, 1)
    health = False
    for number, line in _joined(text):
        found = _INSTRUCTION.match(line)
        if found is None:
            continue
        word, rest = found[1].upper(), found[2].strip()
        if word == "FROM":
            words = [part for part in rest.split() if not part.startswith("--")]
            if not words:
                continue
            base, command, entry, ports, health = stages.get(words[0].lower(), words[0]), "", "", [], False
            if len(words) > 2 and words[1].lower() == "as":
                stages[words[2].lower()] = base
            span = _line(text, number)
        elif word == "EXPOSE":
            ports += rest.split()
        elif word == "HEALTHCHECK":
            health = rest.upper() != "NONE"
        elif word == "CMD":
            command = rest
        elif word == "ENTRYPOINT":
            entry = rest
    if base:
        folder = dirname(path)
        yield Unit(
            "image",
            "/".join(filter(None, (folder, tag))) or name,
            span,
            _short(base),
            _command(" ".join(filter(None, (_words(entry), _words(command))))),
            tuple(ports[:10]),
            build=True,
            health=health,
        )


def _joined(text: Text) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that end in a backslash joined; each with its first line's number."""
    start, pending = 0, ""
    for number in range(1, len(text.line_starts) + 1):
        line = text.line(number)
        if line.lstrip().startswith("#"):
            continue
        start = start or number
        if line.rstrip().endswith("\\") and len(pending) < _LARGEST:
            pending += line.rstrip()[:-1] + " "
            continue
        yield start, pending + line
        start, pending = 0, ""
    if pending:
        yield start, pending


def _words(written: str) -> str:
    """A command in the form of a list (`["gunicorn", "app:app"]`) as it would be typed."""
    if written.startswith("["):
        return " ".join(part.strip().strip("\"'") for part in written.strip("[] ").split(","))
    return written


def _processes(text: Text) -> Iterator[Unit]:
    for number in range(1, len(text.line_starts) + 1):
        if found := _PROCESS.match(text.line(number)):
            yield Unit("process", found[1], _line(text, number), command=_command(found[2]), build=True)


def _programs(name: str, text: Text) -> Iterator[Unit]:
    """The programs of supervisor, or the one of a unit of systemd."""
    section = ""
    for number in range(1, len(text.line_starts) + 1):
        line = text.line(number)
        if found := _SECTION.match(line):
            section = found[1].strip()
        elif found := _ENTRY.match(line):
            if section.startswith("program:") and found[1] == "command":
                yield Unit("process", section[8:].strip(), _line(text, number), command=_command(found[2]), build=True)
            elif section == "Service" and found[1] == "ExecStart":
                unit = name.removesuffix(".service")
                yield Unit("process", unit, _line(text, number), command=_command(found[2]), build=True)


def _services(text: Text) -> Iterator[Unit]:
    for document in _documents(text):
        services = document.data.get("services")
        for name, service in services.items() if isinstance(services, dict) else ():
            if not isinstance(service, dict):
                continue
            build = service.get("build")
            needs = service.get("depends_on")
            yield Unit(
                "service",
                _short(name),
                document.key(services, name),
                image=_short(service.get("image")),
                command=_command(service.get("command") or service.get("entrypoint")),
                ports=tuple(_port(port) for port in _list(service.get("ports"))[:10]),
                needs=tuple(_short(one) for one in (needs if isinstance(needs, (list, dict)) else ())),
                scale=_short(_at(service, "deploy", "replicas") or service.get("scale")),
                build=isinstance(build, (str, dict)),
                health=isinstance(service.get("healthcheck"), dict),
            )


def _port(port: Any) -> str:
    return _short(port.get("published") or port.get("target")) if isinstance(port, dict) else _short(port)


def _workloads(text: Text) -> Iterator[Unit]:
    for document in _documents(text):
        data = document.data
        kind = data.get("kind")
        if not isinstance(kind, str) or not _WORKLOAD.match(f"kind: {kind}"):
            continue
        pod = _at(data, "spec", "jobTemplate", "spec", "template") or _at(data, "spec", "template")
        containers = [one for one in _list(_at(pod, "spec", "containers")) if isinstance(one, dict)]
        first = containers[0] if containers else {}
        command = first.get("command") or first.get("args")
        yield Unit(
            "workload",
            f"{kind} {_short(_at(data, 'metadata', 'name'))}".strip(),
            document.key(data, "kind"),
            image=", ".join(filter(None, (_short(one.get("image")) for one in containers[:3]))),
            command=_command(command),
            ports=tuple(
                _short(port.get("containerPort"))
                for port in _list(first.get("ports"))[:10]
                if isinstance(port, dict) and port.get("containerPort")
            ),
            scale=_short(_at(data, "spec", "replicas")) or _short(_at(data, "spec", "schedule")),
            health=any("livenessProbe" in one or "readinessProbe" in one for one in containers),
        )


def _chart(text: Text) -> Iterator[Unit]:
    for document in _documents(text):
        if "name" in document.data and "version" in document.data:
            needs = tuple(
                _short(one.get("name")) for one in _list(document.data.get("dependencies")) if isinstance(one, dict)
            )
            yield Unit("chart", _short(document.data["name"]), document.key(document.data, "name"), needs=needs)


def _documents(text: Text) -> Iterator[Any]:
    """The documents that are mappings, as far as they can be read."""
    from qualitygate.parse.document import Malformed, load

    try:
        for document in load(text, Language.YAML):
            if isinstance(document.data, dict):
                yield document
    except Malformed:
        return  # what was read before the fault stands; a template is none of ours


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _command(value: Any) -> str:
    """A command in one line; what follows the words for a secret is crossed out."""
    return _short(value, private=True)


def _short(value: Any, *, private: bool = False) -> str:
    """A scalar, or a list of them, in one line."""
    if isinstance(value, list):
        value = " ".join(str(item) for item in value[:20] if isinstance(item, (str, int, float)))
    if value is None or isinstance(value, (dict, bool)):
        return ""
    line = " ".join(str(value)[:2_000].split())
    if private:
        line = _PRIVATE.sub(r"\1***", line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _line(text: Text, number: int) -> Span:
    return Span(number, 1, number, len(text.line(number)) + 1)
