"""In: configuration files, the environment, the command line and the installed checks. Out: the policy in force.

One declaration, built from the installed checks, says which keys there are, of what type and what they mean. It
validates each source, gives the JSON Schema and names the keys of ``qgate config show``.

Sources, the strongest first: the command line, ``QGATE_*`` variables, the nearest ``qgate.toml``, ``.qgate.toml`` or
``[tool.qgate]`` of a ``pyproject.toml``. Files are not merged with one another. ``select`` of a stronger source takes the
place of ``select`` and ``ignore`` of a weaker one; ``ignore`` alone adds to it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qualitygate.authoring import Check
from qualitygate.configure.declare import declaration, option_fields, schema
from qualitygate.configure.gate import Faults
from qualitygate.configure.policy import Refused, defaults, merged, policy_of
from qualitygate.configure.sources import (
    DEFAULT,
    MAX_BYTES,
    ConfigError,
    Layer,
    Problem,
    environment,
    escapes,
    file_layer,
    find,
    shown_path,
    unsound,
)
from qualitygate.configure.validate import dotted, faults, suggest, type_words
from qualitygate.model.policy import Policy

__all__ = [
    "MAX_BYTES",
    "ConfigError",
    "Configuration",
    "Problem",
    "configure",
    "find",
    "option_fields",
    "schema",
    "shown_path",
    "suggest",
    "type_words",
]


@dataclass(frozen=True)
class Configuration:
    """The policy in force, the file that it rests on (None: no file), and every key with its value, for display."""

    policy: Policy
    file: Path | None
    values: Mapping[str, Any]


def configure(
    checks: Sequence[Check],
    start: Path,
    *,
    file: Path | None = None,
    isolated: bool = False,
    environ: Mapping[str, str] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Configuration:
    """The policy for a scan of ``start``, a directory.

    ``file`` is the configuration file that the user named (None: the nearest one); ``isolated`` leaves files out.
    ``arguments`` maps keys of the declaration to what the command line says of them; keys that are None are left out.
    Raises :class:`ConfigError` with all that is wrong in all sources.
    """
    declared = declaration(checks)
    layers: list[Layer] = []
    problems: list[Problem] = []
    if file is None and not isolated:
        file = find(start)
    elif isolated:
        file = None
    read: Layer | None = None
    if file is not None:
        try:
            read = file_layer(file)
            layers.append(read)
        except ConfigError as error:
            problems.extend(error.problems)
    layers.append(environment(declared, os.environ if environ is None else environ))
    given = {key: value for key, value in (arguments or {}).items() if value is not None}
    layers.append(Layer(given, lambda key: f"--{key[0]}" if key else "command line"))
    for layer in layers:
        wrong = (*faults(layer.data, declared, ()), *escapes(layer), *unsound(layer))
        problems.extend(Problem(layer.where(key), layer.worded(key, message)) for key, message in wrong)
    if problems:
        raise ConfigError(problems)
    values, origins, written = merged(layers, declared)
    found = Faults()
    try:
        policy = policy_of(checks, values, origins, written, read, found)
    except Refused as error:
        raise ConfigError([Problem(error.where, error.message)]) from None
    if found.found:
        where = read.where if read is not None else layers[-1].where
        raise ConfigError([Problem(where(key), message) for key, message in found.found])
    shown = {**dict(defaults(checks, declared, values)), **values}
    return Configuration(
        dataclasses.replace(policy, origins={dotted(key): origins.get(key, DEFAULT) for key in shown}),
        file,
        {dotted(key): value for key, value in shown.items()},
    )
