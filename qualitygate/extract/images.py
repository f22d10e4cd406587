"""In: the text of a YAML file. Out: the major versions of PostgreSQL that its container images name, as settings with places."""

from __future__ import annotations

import re

from qualitygate.model.facts import Setting
from qualitygate.model.source import Language, Text

POSTGRES_IMAGE = "image.postgres"
_LARGEST = 500_000
# The official image, and those built on it that keep its version in the tag.
_IMAGE = re.compile(
    r"^[ \t-]*image:[ \t]*[\"']?(?:[\w.-]+(?::\d+)?/)*"
    r"(?:postgres|postgresql|postgis|pgvector|timescaledb|timescaledb-ha|supabase-postgres):(?:pg|latest-pg)?(\d{1,2})(?!\d)",
    re.MULTILINE,
)


def find_images(text: Text, language: Language) -> tuple[Setting, ...]:
    """The versions that images of PostgreSQL name, under :data:`POSTGRES_IMAGE`; none for other languages."""
    if language is not Language.YAML or "image:" not in text.content or len(text.content) > _LARGEST:
        return ()
    return tuple(
        Setting(POSTGRES_IMAGE, match[1], text.span(*match.span(1))) for match in _IMAGE.finditer(text.content)
    )
