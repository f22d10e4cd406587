"""Which configurations limit the rate of requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from qualitygate.extract.gateways import configures_gateway, limits_requests
from qualitygate.model.source import Language, Role, SourceFile, Text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("location / {\n    limit_req zone=api burst=20;\n}\n", Language.TEXT),
        ("stick-table type ip size 1m store http_req_rate(10s)\n", Language.TEXT),
        ("spec:\n  rateLimit:\n    average: 100\n", Language.YAML),
        ("plugins:\n  - name: rate-limiting\n", Language.YAML),
        ('metadata:\n  annotations:\n    nginx.ingress.kubernetes.io/limit-rps: "10"\n', Language.YAML),
        ('{"DefaultRouteSettings": {"ThrottlingRateLimit": 50}}', Language.JSON),
    ],
)
def test_directives_of_gateways_are_known(text: str, language: Language) -> None:
    assert limits_requests(Text.of(text), language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("location / {\n    # limit_req zone=api;\n    client_max_body_size 2m;\n}\n", Language.TEXT),
        ("The gateway has no limit_req.\n", Language.TEXT),
        ("resources:\n  limits:\n    memory: 1Gi\n", Language.YAML),
        ("limit_req = 1\n", Language.PYTHON),
    ],
)
def test_other_limits_and_words_are_none(text: str, language: Language) -> None:
    assert not limits_requests(Text.of(text), language)


def test_files_of_gateways_are_known_by_name() -> None:
    names = ["deploy/nginx.conf", "Caddyfile", "notes.md", "app.py"]
    files = [SourceFile(Path(), name, Language.TEXT, Role.APPLICATION) for name in names]
    assert [configures_gateway(file) for file in files] == [True, True, False, False]
