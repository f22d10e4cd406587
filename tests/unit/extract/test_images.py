"""Versions of PostgreSQL that container images name."""

from __future__ import annotations

import pytest

from qualitygate.extract.images import find_images
from qualitygate.model.source import Language, Text


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("image: postgres:15", "15"),
        ("    image: postgres:11.4-alpine", "11"),
        ('- image: "postgis/postgis:16-3.4"', "16"),
        ("image: ghcr.io/acme/postgres:12.1", "12"),
        ("image: registry.local:5000/library/postgres:14@sha256:abc", "14"),
        ("image: 'timescale/timescaledb:latest-pg13'", "13"),
        ("image: pgvector/pgvector:pg17", "17"),
        ("image: postgres:latest", ""),
        ("image: postgres:2024", ""),
        ("image: mysql:8", ""),
        ("image: acme/not-postgres-exporter:12", ""),
        ("command: run postgres:9", ""),
    ],
)
def test_the_tag_of_an_image_names_the_version(line: str, version: str) -> None:
    found = find_images(Text.of(f"services:\n  db:\n{line}\n"), Language.YAML)
    assert [setting.value for setting in found] == ([version] if version else [])
    assert all(setting.span.line == 3 for setting in found)


def test_other_languages_name_none() -> None:
    assert find_images(Text.of("image: postgres:15\n"), Language.TOML) == ()
