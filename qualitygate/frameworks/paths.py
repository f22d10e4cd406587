"""In: path patterns as frameworks write them, and values that stand for paths. Out: one form, ``/users/{id}``."""

from __future__ import annotations

import re

from qualitygate.model.values import Choice, Known, Pattern, Unknown, Value

HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")

_BRACES = re.compile(r"\{([A-Za-z_]\w*)(?::(?:[^{}]|\{[^{}]*\})*)?\}")
_ANGLES = re.compile(r"<(?:[^<>:]+:)?([A-Za-z_]\w*)>")


def path_text(value: Value | None) -> tuple[str, str]:
    """The text of a path value, and what is not sure of it. Holes are written ``{?}``."""
    if value is None or (isinstance(value, Known) and value.value is None):
        return "", ""
    if isinstance(value, Known):
        if isinstance(value.value, str):
            return value.value, ""
        return "{?}", "a part of the path is not known (a default that is no text)"
    if isinstance(value, Choice):
        text, doubt = path_text(value.values[0])
        return text, doubt if value.default else "a part of the path depends on a condition"
    if isinstance(value, Pattern):
        return "".join("{?}" if part is None else part for part in value.parts), "a part of the path is not known"
    why = value.why if isinstance(value, Unknown) and value.why else "it is computed"
    return "{?}", f"a part of the path is not known ({why})"


def braces(path: str) -> str:
    """``/a/{id:int}`` as ``/a/{id}``, also with a quantifier in it: ``{id:\\d{4}}``."""
    return _BRACES.sub(r"{\1}", path)


def angles(path: str) -> str:
    """``/a/<int:id>`` as ``/a/{id}``."""
    return _ANGLES.sub(r"{\1}", path)


def regex(pattern: str) -> str:
    """A regular expression of Django or Tornado as a path: named groups by name, plain ones as ``{0}``, anchors gone.

    What a path cannot say (alternatives, repetition) is kept as written.
    """
    result = []
    position = 0
    unnamed = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "(":
            end = _closing(pattern, position)
            group = pattern[position + 1 : end]
            named = re.match(r"\?P<(\w+)>", group)
            if named:
                result.append(f"{{{named[1]}}}")
            elif group.startswith("?:"):
                result.append(regex(group[2:]))
            elif not group.startswith("?"):
                result.append(f"{{{unnamed}}}")
                unnamed += 1
            position = end + 1
        elif character == "\\" and position + 1 < len(pattern):
            if pattern[position + 1] in "AZzb":
                pass
            elif pattern[position + 1] in "dwsDWS":
                result.append(pattern[position : position + 2])
            else:
                result.append(pattern[position + 1])
            position += 2
        elif character in "^$":
            position += 1
        elif character == "?":
            position += 1  # `/?$`: an optional slash is written
        else:
            result.append(character)
            position += 1
    return "".join(result)


def _closing(pattern: str, start: int) -> int:
    depth = 0
    position = start
    in_set = False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
        elif in_set:
            in_set = character != "]"
        elif character == "[":
            in_set = True
            if pattern[position + 1 : position + 2] in ("]", "^"):
                position += 1
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return len(pattern) - 1


def under(prefix: str, rule: str) -> str:
    """A rule below a prefix, as blueprints join them: one slash between, the prefix alone for an empty rule."""
    return f"{prefix.rstrip('/')}/{rule.lstrip('/')}" if prefix and rule else prefix + rule


def joined(*parts: str) -> str:
    """Parts of a path with one slash before each, none at the end, as routers that normalise paths join them."""
    return "/" + "/".join(part for text in parts for part in text.split("/") if part)
