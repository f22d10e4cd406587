"""In: the JSON of a SARIF 2.1.0 log. Out: the parts of it that are read; what tools leave out may be absent. Numbers are sections."""

from __future__ import annotations

from typing import Any

import msgspec

# PHP writes an object without a key as an array without an item.
Empty = tuple[()]


class Message(msgspec.Struct):
    """A text, or the id of one that the rule has, with what is to be put into it (3.11)."""

    text: str | None = None
    markdown: str | None = None
    id: str | None = None
    arguments: tuple[str, ...] | None = None


class Address(msgspec.Struct, rename="camel"):
    """Where a file is, or the number of the artifact that says so (3.4)."""

    uri: str | None = None
    uri_base_id: str | None = None
    index: int | None = None


class Artifact(msgspec.Struct):
    """A file that results stand in (3.24)."""

    location: Address | None = None


class Region(msgspec.Struct, rename="camel"):
    """A stretch of a file; lines count from 1 (3.30)."""

    start_line: int | float | None = None


class Physical(msgspec.Struct, rename="camel"):
    """A stretch of which file (3.29)."""

    artifact_location: Address | None = None
    region: Region | None = None


class Location(msgspec.Struct, rename="camel"):
    """A place; those in the logic of a program alone are none here (3.28)."""

    physical_location: Physical | None = None


class Component(msgspec.Struct):
    """The number of an extension of the tool (3.54)."""

    index: int | None = None


class Reference(msgspec.Struct, rename="camel"):
    """What names a rule (3.52)."""

    id: str | None = None
    index: int | None = None
    tool_component: Component | None = None


class Configuration(msgspec.Struct):
    """The level of a rule (3.50)."""

    level: str | None = None


class Override(msgspec.Struct):
    """The level that a run gave a rule (3.51)."""

    descriptor: Reference | None = None
    configuration: Configuration | None = None


class Rule(msgspec.Struct, rename="camel"):
    """A rule of the tool (3.49)."""

    id: str = ""
    name: str | None = None
    short_description: Message | None = None
    message_strings: dict[str, Message] | Empty | None = None
    default_configuration: Configuration | None = None
    properties: dict[str, Any] | Empty | None = None


class Driver(msgspec.Struct, rename="camel"):
    """The tool itself, or an extension of it (3.19)."""

    name: str = ""
    version: str | None = None
    semantic_version: str | None = None
    rules: tuple[Rule, ...] | None = None


class Tool(msgspec.Struct):
    """A tool with its extensions (3.18)."""

    driver: Driver
    extensions: tuple[Driver, ...] | None = None


class Suppression(msgspec.Struct):
    """A request to leave a result out (3.35)."""

    status: str | None = None


class Result(msgspec.Struct, rename="camel"):
    """One result (3.27)."""

    rule_id: str | None = None
    rule_index: int | None = None
    rule: Reference | None = None
    kind: str | None = None
    level: str | None = None
    message: Message | None = None
    locations: tuple[Location, ...] | None = None
    suppressions: tuple[Suppression, ...] | None = None
    baseline_state: str | None = None
    properties: dict[str, Any] | Empty | None = None


class Notification(msgspec.Struct):
    """What the tool says of its own run (3.58)."""

    level: str | None = None
    message: Message | None = None


class Invocation(msgspec.Struct, rename="camel"):
    """How the tool was run, and how that ended (3.20)."""

    execution_successful: bool | None = None
    end_time_utc: str | None = None
    exit_code_description: str | None = None
    tool_execution_notifications: tuple[Notification, ...] | None = None
    tool_configuration_notifications: tuple[Notification, ...] | None = None
    rule_configuration_overrides: tuple[Override, ...] | None = None
    working_directory: Address | None = None


class Provenance(msgspec.Struct, rename="camel"):
    """The commit that was looked at (3.23)."""

    revision_id: str | None = None


class External(msgspec.Struct):
    """Parts of the log that lie in other files (3.15)."""

    results: tuple[Any, ...] | None = None


class Run(msgspec.Struct, rename="camel"):
    """One run of one tool (3.14)."""

    tool: Tool
    results: tuple[Result, ...] | None = None
    invocations: tuple[Invocation, ...] | None = None
    artifacts: tuple[Artifact, ...] | None = None
    original_uri_base_ids: dict[str, Address] | Empty | None = None
    version_control_provenance: tuple[Provenance, ...] | None = None
    external_property_file_references: External | None = None


class Log(msgspec.Struct):
    """The whole log (3.13)."""

    version: str = ""
    runs: tuple[Run, ...] | None = None
