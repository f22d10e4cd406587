"""Records of a published contract: an OpenAPI document's operations, with the place of everything a finding may name."""

from __future__ import annotations

import msgspec


class Contract(msgspec.Struct, frozen=True):
    """One OpenAPI document. (Written by the OpenAPI front end.)"""

    version: str = ""
