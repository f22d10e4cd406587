"""In: a contract's data and its format. Out: every place where it is not what the format demands.

The rules are the JSON Schemas that openapi-spec-validator ships. They are compiled to functions here, because a general
validator takes seconds for a large contract; the keywords are those that these schemas use. A mapping with a ``$ref``
is taken at its word wherever it stands: tools follow references in more places than the format allows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

Steps = tuple["str | int", ...]
Test = Callable[[Any], bool]

# The draft in which the schemas of 2.0 and 3.0 are written, and to which the one of 2.0 refers.
_DRAFT_4: Final = "http://json-schema.org/draft-04/schema"


@dataclass(frozen=True)
class Violation:
    """``path`` leads to the value that is at fault; ``message`` says what is wrong with it, in one clause."""

    path: Steps
    message: str


def violations(data: Any, version: str, limit: int) -> tuple[Violation, ...]:
    """The first ``limit`` faults of a contract in the format ``version`` (`2.0`, `3.0`, `3.1` or `3.2`)."""
    rules = _rules(version)
    found: dict[tuple[Steps, str], Violation] = {}
    for violation in rules.explain(rules.root, data, ()):
        found.setdefault((violation.path, violation.message), violation)
        if len(found) >= limit:
            break
    return tuple(found.values())


@cache
def _rules(version: str) -> _Rules:
    return _Rules(_resource("openapi_spec_validator", f"resources/schemas/v{version}/schema.json"))


def _resource(package: str, path: str) -> Any:
    # Importing the package costs a quarter of a second, for a file that lies beside it.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{package} is not installed")
    return json.loads((Path(spec.origin).parent / path).read_text(encoding="utf-8"))


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int,),
}
_CALLED: Final = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}
_EXPECTED: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "null": "nothing",
    "number": "a number",
    "integer": "a whole number",
}


def _has_type(value: Any, names: list[str]) -> bool:
    for name in names:
        if isinstance(value, bool):
            if name == "boolean":
                return True
        elif isinstance(value, _TYPES[name]) or (name == "integer" and isinstance(value, float) and value.is_integer()):
            return True
    return False


class _Rules:
    """One schema, compiled on demand. Nothing of an instance is kept."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._tests: dict[int, Test] = {}
        self._drafts: dict[str, Any] = {}

    # Is it valid?

    def test(self, schema: Any) -> Test:
        """A function that tells whether an instance is valid."""
        if isinstance(schema, bool):
            return lambda instance: schema
        known = self._tests.get(id(schema))
        if known is not None:
            return known
        tests: list[Test] = []

        def run(instance: Any) -> bool:
            return _is_reference(instance) or all(test(instance) for test in tests)

        self._tests[id(schema)] = run  # before the parts: a schema may contain itself
        tests += [test for keyword, value in schema.items() if (test := self._keyword(schema, keyword, value))]
        return run

    def _keyword(self, schema: dict[str, Any], keyword: str, value: Any) -> Test | None:
        make = getattr(self, f"_{keyword.lstrip('$').lower()}", None)
        if keyword in _KEYWORDS and make is not None:
            test: Test = make(value, schema)
            return test
        return None

    def _ref(self, value: str, schema: dict[str, Any]) -> Test:
        return self.test(self.resolve(value))

    _dynamicref = _ref

    def _type(self, value: Any, schema: dict[str, Any]) -> Test:
        names = value if isinstance(value, list) else [value]
        return lambda instance: _has_type(instance, names)

    def _enum(self, value: list[Any], schema: dict[str, Any]) -> Test:
        return lambda instance: any(_same(instance, one) for one in value)

    def _const(self, value: Any, schema: dict[str, Any]) -> Test:
        return lambda instance: _same(instance, value)

    def _pattern(self, value: str, schema: dict[str, Any]) -> Test:
        search = re.compile(value).search
        return lambda instance: not isinstance(instance, str) or search(instance) is not None

    def _required(self, value: list[str], schema: dict[str, Any]) -> Test:
        return lambda instance: not isinstance(instance, dict) or all(name in instance for name in value)

    def _properties(self, value: dict[str, Any], schema: dict[str, Any]) -> Test:
        """Properties, patterns and the rest in one pass over the instance."""
        fixed = {name: self.test(one) for name, one in value.items()}
        patterns = [
            (re.compile(one).search, self.test(two)) for one, two in schema.get("patternProperties", {}).items()
        ]
        rest = schema.get("additionalProperties", True)
        others = None if rest is True else self.test(rest)

        def run(instance: Any) -> bool:
            if not isinstance(instance, dict):
                return True
            for name, item in instance.items():
                test = fixed.get(name)
                met = test is not None
                if test is not None and not test(item):
                    return False
                for search, other in patterns:
                    if search(name) is not None:
                        met = True
                        if not other(item):
                            return False
                if not met and others is not None and not others(item):
                    return False
            return True

        return run

    def _patternproperties(self, value: Any, schema: dict[str, Any]) -> Test | None:
        return None if "properties" in schema else self._properties({}, schema)

    def _additionalproperties(self, value: Any, schema: dict[str, Any]) -> Test | None:
        return None if "properties" in schema or "patternProperties" in schema else self._properties({}, schema)

    def _propertynames(self, value: Any, schema: dict[str, Any]) -> Test:
        test = self.test(value)
        return lambda instance: not isinstance(instance, dict) or all(map(test, instance))

    def _items(self, value: Any, schema: dict[str, Any]) -> Test:
        test = self.test(value)
        return lambda instance: not isinstance(instance, list) or all(map(test, instance))

    def _contains(self, value: Any, schema: dict[str, Any]) -> Test:
        test = self.test(value)
        least, most = schema.get("minContains", 1), schema.get("maxContains")

        def run(instance: Any) -> bool:
            if not isinstance(instance, list):
                return True
            # What a reference leads to is not known here, and counts as another item.
            count = sum(1 for item in instance if not _is_reference(item) and test(item))
            return count >= least and (most is None or count <= most)

        return run

    def _minitems(self, value: int, schema: dict[str, Any]) -> Test:
        return lambda instance: not isinstance(instance, list) or len(instance) >= value

    def _maxitems(self, value: int, schema: dict[str, Any]) -> Test:
        return lambda instance: not isinstance(instance, list) or len(instance) <= value

    def _uniqueitems(self, value: bool, schema: dict[str, Any]) -> Test:
        return lambda instance: not value or not isinstance(instance, list) or _unique(instance)

    def _minproperties(self, value: int, schema: dict[str, Any]) -> Test:
        return lambda instance: not isinstance(instance, dict) or len(instance) >= value

    def _maxproperties(self, value: int, schema: dict[str, Any]) -> Test:
        return lambda instance: not isinstance(instance, dict) or len(instance) <= value

    def _minlength(self, value: int, schema: dict[str, Any]) -> Test:
        return lambda instance: not isinstance(instance, str) or len(instance) >= value

    def _minimum(self, value: float, schema: dict[str, Any]) -> Test:
        exclusive = schema.get("exclusiveMinimum") is True
        return lambda instance: not _is_number(instance) or (instance > value if exclusive else instance >= value)

    def _allof(self, value: list[Any], schema: dict[str, Any]) -> Test:
        tests = [self.test(one) for one in value]
        return lambda instance: all(test(instance) for test in tests)

    def _anyof(self, value: list[Any], schema: dict[str, Any]) -> Test:
        tests = [self.test(one) for one in value]
        return lambda instance: any(test(instance) for test in tests)

    def _oneof(self, value: list[Any], schema: dict[str, Any]) -> Test:
        tests = [self.test(one) for one in value]
        return lambda instance: sum(test(instance) for test in tests) == 1

    def _not(self, value: Any, schema: dict[str, Any]) -> Test:
        test = self.test(value)
        return lambda instance: not test(instance)

    def _if(self, value: Any, schema: dict[str, Any]) -> Test:
        test, then, other = self.test(value), self.test(schema.get("then", True)), self.test(schema.get("else", True))
        return lambda instance: then(instance) if test(instance) else other(instance)

    def _dependentschemas(self, value: dict[str, Any], schema: dict[str, Any]) -> Test:
        tests = {name: self.test(one) for name, one in value.items()}
        return lambda instance: (
            not isinstance(instance, dict) or all(test(instance) for name, test in tests.items() if name in instance)
        )

    def _unevaluatedproperties(self, value: Any, schema: dict[str, Any]) -> Test:
        test = self.test(value)

        def run(instance: Any) -> bool:
            if not isinstance(instance, dict):
                return True
            seen = self.evaluated(schema, instance)
            return all(test(item) for name, item in instance.items() if name not in seen)

        return run

    # Which properties has a schema looked at?

    def evaluated(self, schema: Any, instance: dict[str, Any]) -> set[str]:
        """The names of an instance that a schema judges, through everything that applies to it in place."""
        seen: set[str] = set()
        if not isinstance(schema, dict):
            return seen
        seen |= instance.keys() & schema.get("properties", {}).keys()
        for pattern in schema.get("patternProperties", {}):
            seen |= {name for name in instance if re.search(pattern, name)}
        if "additionalProperties" in schema:
            seen |= instance.keys()
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                seen |= self.evaluated(self.resolve(schema[keyword]), instance)
        for one in schema.get("allOf", ()):
            seen |= self.evaluated(one, instance)
        for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            if self.test(one)(instance):
                seen |= self.evaluated(one, instance)
        if "if" in schema:
            if self.test(schema["if"])(instance):
                seen |= self.evaluated(schema["if"], instance) | self.evaluated(schema.get("then"), instance)
            else:
                seen |= self.evaluated(schema.get("else"), instance)
        for name, one in schema.get("dependentSchemas", {}).items():
            if name in instance:
                seen |= self.evaluated(one, instance)
        return seen

    def resolve(self, reference: str) -> Any:
        """What a reference inside the schema names."""
        address, _, pointer = reference.partition("#")
        node = self.root
        if address == _DRAFT_4:
            if address not in self._drafts:
                draft = _resource("jsonschema_specifications", "schemas/draft4/metaschema.json")
                self._drafts[address] = _absolute(draft)
            node = self._drafts[address]
        elif not pointer.startswith("/"):
            # The one anchor is that of a schema object, of which these schemas say no more than that it is one.
            return self.root["$defs"]["schema"]
        for part in pointer.split("/")[1:]:
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    # What is wrong?

    def explain(self, schema: Any, instance: Any, path: Steps) -> Iterator[Violation]:
        """The faults of an instance; nothing where it is valid."""
        if self.test(schema)(instance):
            return
        if not isinstance(schema, dict):
            yield Violation(path, "does not belong here")
            return
        if "type" in schema and not self._type(schema["type"], schema)(instance):
            names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            expected = " or ".join(_EXPECTED[name] for name in names)
            yield Violation(path, f"is {_CALLED.get(type(instance), 'empty')} where {expected} belongs")
            return
        if isinstance(instance, dict):
            yield from self._explain_mapping(schema, instance, path)
        if isinstance(instance, list):
            if "items" in schema:
                for number, item in enumerate(instance):
                    yield from self.explain(schema["items"], item, (*path, number))
            if "minItems" in schema and len(instance) < schema["minItems"]:
                yield Violation(path, f"has fewer than {schema['minItems']} items")
            if "maxItems" in schema and len(instance) > schema["maxItems"]:
                yield Violation(path, f"has more than {schema['maxItems']} items")
            if schema.get("uniqueItems") and not _unique(instance):
                yield Violation(path, "holds the same item twice")
        for keyword in ("enum", "const", "pattern", "minLength", "minimum", "contains"):
            if keyword in schema and (test := self._keyword(schema, keyword, schema[keyword])) and not test(instance):
                yield Violation(path, _MESSAGES[keyword](schema[keyword]))
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                yield from self.explain(self.resolve(schema[keyword]), instance, path)
        for one in schema.get("allOf", ()):
            yield from self.explain(one, instance, path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                yield from self._explain_choice(schema[keyword], instance, path, keyword == "oneOf")
        if "not" in schema and self.test(schema["not"])(instance):
            names = list(schema["not"].get("required", ())) if isinstance(schema["not"], dict) else []
            excluded = " and ".join(f"`{name}`" for name in names)
            yield Violation(path, f"must not have {excluded}" if len(names) < 2 else f"cannot have {excluded} together")
        if "if" in schema:
            branch = "then" if self.test(schema["if"])(instance) else "else"
            yield from self.explain(schema.get(branch, True), instance, path)

    def _explain_mapping(self, schema: dict[str, Any], instance: dict[str, Any], path: Steps) -> Iterator[Violation]:
        for name in schema.get("required", ()):
            if name not in instance:
                yield Violation(path, f"lacks `{name}`")
        fixed = schema.get("properties", {})
        patterns = schema.get("patternProperties", {})
        for name, item in instance.items():
            applied = [one for pattern, one in patterns.items() if re.search(pattern, name)]
            if name in fixed:
                applied.append(fixed[name])
            if not applied and schema.get("additionalProperties", True) is False:
                yield Violation((*path, name), "is no key of this place")
            elif not applied and isinstance(schema.get("additionalProperties"), dict):
                applied.append(schema["additionalProperties"])
            for one in applied:
                yield from self.explain(one, item, (*path, name))
        for name, one in schema.get("dependentSchemas", {}).items():
            if name in instance:
                yield from self.explain(one, instance, path)
        if schema.get("unevaluatedProperties", True) is False:
            for name in instance.keys() - self.evaluated(schema, instance):
                yield Violation((*path, name), "is no key of this place")
        if "propertyNames" in schema:
            for name in instance:
                if not self.test(schema["propertyNames"])(name):
                    yield Violation((*path, name), "is no name that this place allows")
        if "minProperties" in schema and len(instance) < schema["minProperties"]:
            yield Violation(path, "is empty")
        if "maxProperties" in schema and len(instance) > schema["maxProperties"]:
            yield Violation(path, f"has more than {schema['maxProperties']} keys")

    def _explain_choice(self, parts: list[Any], instance: Any, path: Steps, exclusive: bool) -> Iterator[Violation]:
        """Of several alternatives, the faults of the one that was meant: where they lie deepest, then where they are fewest."""
        fitting = [part for part in parts if self.test(part)(instance)]
        if fitting:
            if exclusive and len(fitting) > 1:
                yield Violation(path, "fits several alternatives that exclude each other")
            return
        told = [list(self.explain(part, instance, path)) for part in parts]
        # What is no reference was not meant to be one.
        told = [one for one in told if all(each.message != "lacks `$ref`" for each in one)] or told
        if all(len(one) == 1 and one[0].message.startswith("lacks ") and one[0].path == path for one in told):
            names = " or ".join(dict.fromkeys(one[0].message.removeprefix("lacks ") for one in told))
            yield Violation(path, f"lacks {names}")
            return
        yield from max(told, key=lambda one: (min((len(each.path) for each in one), default=0), -len(one)))


_KEYWORDS: Final = frozenset(
    "$ref $dynamicRef type enum const pattern required properties patternProperties additionalProperties propertyNames items "
    "contains minItems maxItems uniqueItems minProperties maxProperties minLength minimum allOf anyOf oneOf not if "
    "dependentSchemas unevaluatedProperties".split()
)
_MESSAGES: Final[dict[str, Callable[[Any], str]]] = {
    "enum": lambda value: f"is none of {', '.join(str(one) for one in value[:12])}",
    "const": lambda value: f"must be {json.dumps(value)}",
    "pattern": lambda value: f"has not the form {value}",
    "minLength": lambda value: "is empty",
    "minimum": lambda value: f"is less than {value}",
    "contains": lambda value: "holds too many or too few items of one kind",
}


def _absolute(schema: Any) -> Any:
    """The draft's own schema with references that hold from another schema too."""
    if isinstance(schema, dict):
        return {
            key: _DRAFT_4 + value if key == "$ref" and str(value).startswith("#") else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema


def _is_reference(instance: Any) -> bool:
    return type(instance) is dict and type(instance.get("$ref")) is str


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _unique(items: list[Any]) -> bool:
    seen = set()
    for item in items:
        key = json.dumps(item, sort_keys=True) if isinstance(item, (dict, list)) else (type(item) is bool, item)
        if key in seen:
            return False
        seen.add(key)
    return True
