"""In: statements of people and the rows of the gate. Out: CycloneDX 1.6 declarations, as auditors' tools read them."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from qualitygate.model.evidence import Attestation
from qualitygate.model.policy import Condition

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_PERSON = re.compile(r"\s{0,20}(?P<name>[^<>]{0,200}?)\s{0,20}<(?P<mail>[^<>@\s]+@[^<>\s]+)>\s*\Z")


def document(
    attestations: Sequence[Attestation], conditions: Mapping[str, Condition], name: str, version: str
) -> dict[str, Any]:
    """The declarations as plain values: a claim, its evidence and an attestation for each statement.

    ``attestations`` have no faults. ``name`` is what is stated about (the service), ``version`` that of qgate. Nothing in
    it is by chance: the same statements give the same document, whose date is the day of the newest of them. The
    reviewers are the assessors; conformance is told where a number is held against a limit.
    """
    target = f"target:{name}"
    stated = [_Statement(number, one, conditions.get(one.condition)) for number, one in enumerate(attestations, 1)]
    reviewers = sorted({one.reviewer for one in attestations})
    component = {"type": "application", "bom-ref": target, "name": name}
    content: dict[str, Any] = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": _moment(max((one.issued for one in attestations), default="1970-01-01")),
            "tools": {"components": [{"type": "application", "name": "qgate", "version": version}]},
            "component": {"type": "application", "bom-ref": "subject", "name": name},
        },
        "declarations": {
            "assessors": [
                {"bom-ref": _assessor(one), "organization": {"contact": [_contact(one)]}} for one in reviewers
            ],
            "attestations": [one.attestation() for one in stated],
            "claims": [one.claim(target) for one in stated],
            "evidence": [proof for one in stated for proof in one.proofs()],
            "targets": {"components": [component]},
        },
        "definitions": {
            "standards": [
                {
                    "bom-ref": "standard:gate",
                    "name": "Conditions of the quality gate",
                    "requirements": [
                        _requirement(one, conditions.get(one))
                        for one in sorted({attestation.condition for attestation in attestations})
                    ],
                }
            ]
        },
    }
    digest = hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()
    return {**content, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}"}


class _Statement:
    """One statement with the names under which its parts refer to one another."""

    def __init__(self, number: int, statement: Attestation, condition: Condition | None) -> None:
        self.statement = statement
        self.condition = condition
        self.reference = f"claim:{number}"

    def attestation(self) -> dict[str, Any]:
        reviewer = _contact(self.statement.reviewer)
        return {
            "summary": self.statement.statement,
            "assessor": _assessor(self.statement.reviewer),
            "map": [
                {
                    "requirement": _requirement_of(self.statement.condition),
                    "claims": [self.reference],
                    **self._conformance(),
                    "confidence": {"rationale": f"reviewed by {reviewer.get('name') or reviewer.get('email')}"},
                }
            ],
        }

    def claim(self, target: str) -> dict[str, Any]:
        statement = self.statement
        hashed = [(place, sha256) for place, sha256 in statement.evidence if sha256]
        references = [
            {"type": "evidence", "url": place, "hashes": [{"alg": "SHA-256", "content": sha256.lower()}]}
            for place, sha256 in hashed
        ]
        return {
            "bom-ref": self.reference,
            "target": target,
            "predicate": statement.statement,
            "reasoning": self._asked(),
            "evidence": [f"{self.reference}:evidence:{index}" for index, _ in enumerate(statement.evidence, 1)],
            **({"externalReferences": references} if references else {}),
        }

    def proofs(self) -> list[dict[str, Any]]:
        statement = self.statement
        return [
            {
                "bom-ref": f"{self.reference}:evidence:{index}",
                "propertyName": f"qgate:condition:{statement.condition}",
                "description": statement.statement,
                "data": [{"name": place, "contents": {"url": place}}],
                "created": _moment(statement.issued),
                "expires": _moment(statement.expires),
                "author": _contact(statement.author),
                "reviewer": _contact(statement.reviewer),
            }
            for index, (place, _) in enumerate(statement.evidence, 1)
        ]

    def _asked(self) -> str:
        """The number that is stated, beside what the gate asks for."""
        value = self.statement.value
        bound = self.condition.bound if self.condition is not None else None
        if value is None:
            return f"stated for the condition {self.statement.condition}"
        unit = f" {bound.unit}" if bound is not None and bound.unit else ""
        return f"{value:g}{unit}" + (f", where {bound.text} is asked for" if bound is not None else "")

    def _conformance(self) -> dict[str, Any]:
        bound = self.condition.bound if self.condition is not None else None
        value = self.statement.value
        if bound is None or bound.value is None or value is None:
            return {}
        return {"conformance": {"score": 1 if bound.holds(value * bound.scale) else 0, "rationale": self._asked()}}


def _requirement(name: str, condition: Condition | None) -> dict[str, Any]:
    asked = {"text": condition.bound.text} if condition is not None and condition.bound is not None else {}
    return {"bom-ref": _requirement_of(name), "identifier": name, "title": name, **asked}


def _requirement_of(name: str) -> str:
    return f"condition:{name}"


def _assessor(person: str) -> str:
    return f"assessor:{person}"


def _contact(person: str) -> dict[str, str]:
    """A person by name, by address, or both: `Ada Jones <ada@example.com>`."""
    found = _PERSON.match(person)
    if found is not None:
        return {**({"name": found["name"]} if found["name"] else {}), "email": found["mail"]}
    return {"email": person} if re.fullmatch(r"[^\s@]+@[^\s@]+", person) else {"name": person}


def _moment(day: str) -> str:
    return f"{day}T00:00:00Z"
