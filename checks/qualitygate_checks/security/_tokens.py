"""In: a call that signs a token. Out: the claims that it signs, as far as the code tells them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Span
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Call
from qualitygate_checks._code import Body, Code, argument_for, last_name

ENCODERS: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(("jwt.encode", "jwt.api_jwt.encode", "jwt.PyJWT.encode"), (0, ("payload",))),
    **dict.fromkeys(("jose.jwt.encode", "jose.encode"), (0, ("claims",))),
    **dict.fromkeys(("authlib.jose.jwt.encode", "authlib.jose.JsonWebToken.encode"), (1, ("payload",))),
    "joserfc.jwt.encode": (1, ("claims",)),
}
"""Library functions that sign a token, with the place of the claims among their arguments."""

_DEEPEST = 5
_REST = ""  # the name under which a parameter stands for claims that the callers hand in


@dataclass(frozen=True)
class Claims:
    """Claims of a token: their names with the expressions they come from; ``complete`` where there can be no others.

    ``open`` tells that a parameter which no caller is seen to fill holds the rest of them.
    """

    entries: tuple[tuple[str, ir.Expression, Body], ...] = ()
    complete: bool = True
    open: bool = False

    def get(self, name: str) -> tuple[ir.Expression, Body] | None:
        """The expression of a claim, with the body that it stands in."""
        return next(((value, body) for key, value, body in self.entries if key == name), None)

    @property
    def names(self) -> frozenset[str]:
        """The claims that are known."""
        return frozenset(key for key, _, _ in self.entries)


def claims_of(code: Code, call: Call) -> tuple[list[tuple[Claims, Body]], ir.Call, Body] | None:
    """The claims that a call of :data:`ENCODERS` signs, one for every caller that hands its own in; None where unseen."""
    found = code.at(call.place, call.name.rpartition(".")[2])
    if found is None:
        return None
    expression, body = found
    position, names = ENCODERS[call.name]
    given = next((item.value for item in expression.arguments if item.name in names), None)
    plain = [item.value for item in expression.arguments if item.name is None and not item.stars]
    if given is None and position < len(plain):
        given = plain[position]
    if given is None:
        return None
    return _alternatives(code, given, body, 0), expression, body


def _alternatives(code: Code, expression: ir.Expression, body: Body, depth: int) -> list[tuple[Claims, Body]]:
    """Claims as each caller puts them together, where a parameter holds them."""
    own = _claims(expression, body, depth)
    name = _parameter(expression, body, 0)
    named = tuple(entry for entry in own.entries if entry[0] != _REST)
    own = Claims(named, own.complete and len(named) == len(own.entries), len(named) < len(own.entries))
    if own.get("exp") is not None or name is None or depth > 2:
        return [(own, body)]
    result = []
    whole = own.complete or own.open
    for call, caller in code.callers(body) or ():
        given = argument_for(call, body, name)
        if given is None:
            continue
        for claims, place in _alternatives(code, given, caller, depth + 1):
            result.append((Claims((*own.entries, *claims.entries), whole and claims.complete), place))
    return result or [(own, body)]


def _parameter(expression: ir.Expression, body: Body, depth: int) -> str | None:
    """The parameter that the claims start from: `data` of `data.copy()`, of `dict(data)`, of `{**data, ...}`."""
    if depth > _DEEPEST:
        return None
    if isinstance(expression, ir.Name):
        if expression.id in body.parameters and not any(b.how == "value" for b in body.bindings.get(expression.id, ())):
            return expression.id
        for binding in body.bindings.get(expression.id, ()):
            if binding.how == "value" and (found := _parameter(binding.value, body, depth + 1)) is not None:
                return found
    elif isinstance(expression, ir.Call):
        inner = _copied(expression)
        return _parameter(inner, body, depth + 1) if inner is not None else None
    elif isinstance(expression, ir.Mapping):
        for key, value in expression.items:
            if key is None and (found := _parameter(value, body, depth + 1)) is not None:
                return found
    return None


def _copied(call: ir.Call) -> ir.Expression | None:
    """What a call makes a copy of."""
    if isinstance(call.function, ir.Attribute) and call.function.name == "copy":
        return call.arguments[0].value if call.arguments else call.function.value
    if last_name(call.function) in ("dict", "deepcopy", "copy") and call.arguments and call.arguments[0].name is None:
        return call.arguments[0].value
    return None


def _dumped(call: ir.Call) -> ir.Expression | None:
    """The model that a call turns into a dictionary: `Claims(exp=...).model_dump()`."""
    function = call.function
    if isinstance(function, ir.Attribute) and function.name in ("dict", "model_dump", "to_dict", "_asdict", "dump"):
        return function.value if isinstance(function.value, ir.Call) else None
    return None


def _claims(expression: ir.Expression, body: Body, depth: int) -> Claims:
    if depth > _DEEPEST:
        return Claims((), False)
    if isinstance(expression, ir.Mapping):
        return _of_mapping(expression, body, depth)
    if isinstance(expression, ir.Call):
        named = tuple((item.name, item.value, body) for item in expression.arguments if item.name is not None)
        inner = _copied(expression) or _dumped(expression)
        if inner is not None:
            below = _claims(inner, body, depth + 1)
            return Claims((*below.entries, *named), below.complete)
        return Claims(
            named, last_name(expression.function) == "dict" and all(not a.stars for a in expression.arguments)
        )
    if isinstance(expression, ir.Operation) and expression.operator == "|":
        return _joined([_claims(part, body, depth + 1) for part in expression.operands])
    if isinstance(expression, ir.Name):
        bindings = body.bindings.get(expression.id, [])
        parts = []
        if expression.id in body.parameters and not any(binding.how == "value" for binding in bindings):
            parts.append(Claims(((_REST, expression, body),)))
        elif not bindings:
            return Claims((), False)
        for binding in bindings:
            if binding.key is not None:
                known = isinstance(binding.key, ir.Constant)
                key = str(binding.key.value) if isinstance(binding.key, ir.Constant) else ""
                parts.append(Claims(((key, binding.value, body),), known))
            elif binding.how in ("value", "added"):
                parts.append(_claims(binding.value, body, depth + 1))
            else:
                parts.append(Claims((), False))
        parts += _keywords_of_update(expression.id, body)
        return _joined(parts)
    return Claims((), False)


def _keywords_of_update(name: str, body: Body) -> list[Claims]:
    """`claims.update(exp=...)`, `claims.setdefault("exp", ...)`."""
    found = []
    for part in body.expressions():
        if (
            isinstance(part, ir.Call)
            and isinstance(part.function, ir.Attribute)
            and isinstance(part.function.value, ir.Name)
            and part.function.value.id == name
        ):
            if part.function.name == "update":
                entries = tuple((item.name, item.value, body) for item in part.arguments if item.name is not None)
                found.append(Claims(entries, True))
            elif part.function.name == "setdefault" and len(part.arguments) == 2:
                key = part.arguments[0].value
                if isinstance(key, ir.Constant):
                    found.append(Claims(((str(key.value), part.arguments[1].value, body),), True))
    return found


def _of_mapping(mapping: ir.Mapping, body: Body, depth: int) -> Claims:
    parts = []
    for key, value in mapping.items:
        if key is None:
            parts.append(_claims(value, body, depth + 1))
        elif isinstance(key, ir.Constant):
            parts.append(Claims(((str(key.value), value, body),), True))
        else:
            parts.append(Claims((), False))
    return _joined(parts)


def _joined(parts: list[Claims]) -> Claims:
    return Claims(tuple(entry for part in parts for entry in part.entries), all(part.complete for part in parts))


def settings(code: Code, names: tuple[str, ...]) -> Iterator[tuple[Body, str, ir.Expression, Span]]:
    """Settings of these names: at module level, in a class of settings, or as `app.config[name] = value`."""
    for body in code.everywhere("JWTManager"):
        yield from _assigned(body, body.statements, names)
    for body in code.modules():
        yield from _assigned(body, body.statements, names)


def _assigned(
    body: Body, statements: tuple[ir.Statement, ...], names: tuple[str, ...]
) -> Iterator[tuple[Body, str, ir.Expression, Span]]:
    for statement in ir.walk(statements):
        if isinstance(statement, ir.Class):
            yield from _assigned(body, statement.body, names)
        elif isinstance(statement, ir.Assign) and statement.value is not None:
            for target in statement.targets:
                name = last_name(target)
                if isinstance(target, ir.Subscript) and isinstance(target.index, ir.Constant):
                    name = str(target.index.value)
                if name in names:
                    yield body, name, statement.value, statement.span
