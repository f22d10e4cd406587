"""What is built and run is read from the files that say so."""

from pathlib import Path

import pytest

from qualitygate.discover import Layout, language_of
from qualitygate.extract.decisions import find_decision
from qualitygate.extract.deployment import find_units
from qualitygate.model.deployment import Decision, Unit
from qualitygate.model.source import SourceFile, Text


def file_of(path: str, text: str) -> SourceFile:
    return SourceFile(Path("/x"), path, language_of(path), Layout.of([path]).role(path), text.encode())


def units(path: str, text: str) -> tuple[Unit, ...]:
    return find_units(file_of(path, text), Text.of(text))


def decision(path: str, text: str) -> Decision | None:
    return find_decision(file_of(path, text), Text.of(text))


def test_an_image_is_its_last_stage_on_the_base_that_it_leads_to() -> None:
    text = (
        "FROM python:3.12 AS base\nEXPOSE 1\nFROM base as built\n# a comment\nRUN x \\\n  y\n"
        'FROM --platform=linux/amd64 built\nEXPOSE 8000 8001\nHEALTHCHECK CMD curl x\nENTRYPOINT ["gunicorn"]\nCMD ["app:app", "-w"]\n'
    )
    (unit,) = units("api/Dockerfile", text)
    assert (unit.kind, unit.name, unit.image, unit.span.line) == ("image", "api", "python:3.12", 7)
    assert (unit.command, unit.ports, unit.health, unit.build) == ("gunicorn app:app -w", ("8000", "8001"), True, True)


def test_services_of_a_compose_file_are_read_with_their_anchors() -> None:
    text = (
        "x-app: &app\n  build: .\n  depends_on: [db]\nservices:\n"
        "  web:\n    <<: *app\n    command: serve --password hunter2hunter2\n    ports: ['80:8000', {target: 9000}]\n"
        "  db:\n    image: postgres:16\n    healthcheck: {test: pg_isready}\n    deploy: {replicas: 2}\n"
    )
    web, db = units("docker-compose.yml", text)
    assert (web.name, web.build, web.needs, web.ports) == ("web", True, ("db",), ("80:8000", "9000"))
    assert web.command == "serve --password ***"
    assert (db.image, db.health, db.scale, db.span.line) == ("postgres:16", True, "2", 9)


def test_workloads_of_kubernetes_are_read_and_other_kinds_are_not() -> None:
    text = (
        "kind: Service\nmetadata: {name: api}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\n"
        "spec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n        - image: shop/api:1\n          args: [serve]\n"
        "          readinessProbe: {httpGet: {path: /}}\n---\nkind: CronJob\nmetadata: {name: tidy}\n"
        "spec: {schedule: '0 3 * * *', jobTemplate: {spec: {template: {spec: {containers: [{image: shop/api:1}]}}}}}\n"
    )
    api, tidy = units("k8s/api.yaml", text)
    assert (api.name, api.image, api.command, api.scale, api.health) == (
        "Deployment api",
        "shop/api:1",
        "serve",
        "3",
        True,
    )
    assert (tidy.name, tidy.scale) == ("CronJob tidy", "0 3 * * *")


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("Procfile", "web: gunicorn app\n# worker: x\nworker: celery\n", ["web", "worker"]),
        ("supervisord.conf", "[supervisord]\ncommand=x\n[program:jobs]\ncommand=run\n", ["jobs"]),
        ("ops/api.service", "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/api\n", ["api"]),
        ("chart/Chart.yaml", "name: shop\nversion: 1.0.0\ndependencies: [{name: redis}]\n", ["shop"]),
        ("chart/templates/api.yaml", "kind: Deployment\n{{- if .Values.x }}\n", []),
        ("tests/docker-compose.yml", "services: {db: {image: postgres}}\n", []),
        ("compose.yaml", "services: [1, 2]\n", []),
        ("compose.yaml", "services: {a: 1, b: {ports: 8, depends_on: 3, command: {}}}\n", ["b"]),
    ],
)
def test_other_forms(path: str, text: str, names: list[str]) -> None:
    assert [unit.name for unit in units(path, text)] == names


def test_a_password_in_an_address_is_crossed_out() -> None:
    (unit,) = units("Procfile", "web: serve amqp://user:hunter2@mq:5672 --api-key=abcdef TOKEN=xyz1\n")
    assert unit.command == "serve amqp://user:***@mq:5672 --api-key=*** TOKEN=***"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# 7. Use a queue\n\nDate: 2024-02-03\n\n## Status\n\nSuperseded by [9. Use two](0009-two.md)\n\nx\n",
            ("7. Use a queue", "Superseded", "2024-02-03", "9. Use two"),
        ),
        (
            "# Use a queue\n\n* Status: **Accepted**, by all\n* Deciders: A\n* Date: 2024-02-03 <!-- x -->\n",
            ("Use a queue", "Accepted", "2024-02-03", ""),
        ),
        (
            "---\nstatus: proposed\ndate: 2024-02-03\n---\n# Use `per_user` queues\n",
            ("Use per_user queues", "proposed", "2024-02-03", ""),
        ),
        ("# Use a queue\n\n| Status | Accepted |\n", ("Use a queue", "Accepted", "", "")),
        ("No heading at all\n", ("0007-use-a-queue", "", "", "")),
    ],
)
def test_records_of_the_usual_forms_are_read(text: str, expected: tuple[str, ...]) -> None:
    found = decision("docs/adr/0007-use-a-queue.md", text)
    assert found is not None
    assert (found.title, found.status, found.date, found.replaced_by) == expected


@pytest.mark.parametrize("path", ["docs/adr/README.md", "docs/adr/template.md", "docs/0007-use.md", "adr/notes.txt"])
def test_other_pages_are_no_records(path: str) -> None:
    assert decision(path, "# A page\n\nStatus: Accepted\n") is None
