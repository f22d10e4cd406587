"""SQL that is put together from values instead of parameters.

What it flags: a statement given to a database (a cursor, SQLAlchemy's `text()`, Django's `raw()`, `extra()` and
`RawSQL`, asyncpg, pandas, ...) whose text is built by an f-string, `%`, `+`, `.format()` or `join` from something that is
neither constant nor a number: a value of the request, a parameter of a handler, a parameter of a helper that a caller
fills with such a value. The text is followed through local variables, through helpers that build it and through helpers
that only pass it on. A value that certainly comes from the request is told with high confidence, a parameter of a
function whose callers are not all seen with medium, a name of a table or column with low.

Why: whoever sends the value writes the statement: reads other people's rows, changes them, or drops the table.

How to mend: leave a placeholder in the text and hand the value over as a parameter. Names of tables and columns cannot
be parameters: choose them from a fixed set, or quote them with the driver's own means (`psycopg.sql.Identifier`,
`connection.ops.quote_name`).

What it cannot see: text that an object keeps between its methods, statements read from files, and values stored earlier
and read back from the database. A value that is looked up in a table of constants, tested with `in`, or turned into a
number counts as safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Call
from qualitygate_checks._code import Body, Code, argument_for, last_name, span_of, spelling
from qualitygate_checks._reach import is_script

# Where the text of a statement stands in a call: the position, and the keywords that it may have instead.
_TEXT = (0, ("sql", "query", "statement", "operation", "raw_query", "text", "clause"))
_SINKS: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(
        """?.execute ?.executemany ?.executescript ?.execute_async ?.raw ?.exec_driver_sql ?.fetch ?.fetchrow ?.fetchval
        ?.fetch_all ?.fetch_one ?.fetch_val ?.iterate ?.from_statement ?.copy_expert ?.query ?.exec ?.scalar ?.scalars
        ?.stream ?.mogrify ?.execute_sql ?.run_sql
        sqlalchemy.text sqlalchemy.sql.text sqlalchemy.sql.expression.text sqlmodel.text sqlalchemy.literal_column
        sqlalchemy.sql.literal_column sqlalchemy.sql.expression.literal_column sqlalchemy.TextClause
        django.db.models.expressions.RawSQL django.db.models.RawSQL
        pandas.read_sql pandas.read_sql_query psycopg.sql.SQL psycopg2.sql.SQL""".split(),
        _TEXT,
    ),
    "psycopg2.extras.execute_values": (1, ("sql",)),
    "psycopg2.extras.execute_batch": (1, ("sql",)),
}
_EXTRA = ("where", "select", "tables", "order_by")
_WRAPPERS = frozenset(("text", "literal_column", "RawSQL", "SQL", "TextClause", "raw"))

_STATEMENT = re.compile(
    r"\b(?:select\b.{1,2000}\bfrom|insert\s+(?:or\s+\w+\s+)?into|replace\s+into|update\b.{1,500}\bset|delete\s+from|merge\s+into"
    r"|(?:create|alter|drop|truncate)\s+(?:or\s+replace\s+)?(?:temp\w*\s+|materialized\s+|unique\s+|unlogged\s+)?"
    r"(?:table|view|index|schema|database|user|role|function|sequence|type|trigger|extension)"
    r"|truncate\s+\S|grant\s+\w+|revoke\s+\w+|(?:set|show|reset)\s+(?:local\s+|session\s+)?\w+|copy\s+\S+\s+(?:from|to)\b"
    r"|explain\s+\w+|pragma\s+\w+|exec(?:ute)?\s+\w+|call\s+\w+|select\s+\w+\s*\(|notify\s+\S|listen\s+\S|vacuum\b|where\s+\S+\s*(?:=|in|like))",
    re.IGNORECASE | re.DOTALL,
)
# A piece of a statement, where the call itself says that it takes SQL.
_VALUE = re.compile(
    r"(?:[=<>'\"]|\blike\b|\bilike\b|\bin\s*\(|\bvalues\s*\(.*|\blimit|\boffset|\binterval|%)\s{0,9}['\"(%]{0,9}\s{0,9}$",
    re.IGNORECASE,
)

_NUMBERS = frozenset(
    "int float bool len abs round hash ord sum UUID uuid4 uuid1 Decimal date datetime timedelta now utcnow today time timestamp "
    "isoformat strftime toordinal total_seconds hexdigest token_hex count id enumerate range max min".split()
)
_QUOTING = re.compile(
    r"quot|ident|escape|literal|sanit|adapt|mogrify|bindparam|placeholder|compile|param|allow|valid|safe|slugify|as_string"
    r"|secure|clean|regex|check|schema|db_table|get_table|table_name|column",
    re.IGNORECASE,
)
_SAME = frozenset(
    "strip lstrip rstrip lower upper title capitalize replace encode decode split rsplit partition format_map removeprefix removesuffix".split()
)
_TYPED = frozenset(
    "int float bool UUID UUID4 uuid datetime date time timedelta Decimal Literal PositiveInt NonNegativeInt conint StrEnum IntEnum "
    "PastDate FutureDate AwareDatetime ObjectId HttpUrl complex".split()
)
_WRAPPED = frozenset("Optional Annotated Union list List Sequence Iterable set tuple Tuple Set None".split())
_REQUEST = re.compile(
    r"(?:^|\.)(?:request|req)\.(?:args|form|values|json|data|GET|POST|query_params|path_params|headers|cookies|body|files|query"
    r"|match_info|query_string|get_json|get_data|stream|params|QUERY_PARAMS|DATA|FILES|META|raw_args|rel_url|forms|matchdict|post|text|read|multipart)\b"
    r"|\bself\.(?:get_argument|get_query_argument|get_body_argument|kwargs)\b"
)
_KEYS = re.compile(r"^(?:id|pk|uid|uuid|guid)$|_(?:id|pk|uuid|ids|pks)$")
_CONFIGURED = re.compile(
    r"(?:^|\.)(?:settings|config|conf|app_config|cfg|options|environ|current_app|getenv|env|constants)(?:\.|$)"
)
_CONSTANT = re.compile(r"^_*[A-Z][A-Z0-9_]+$")
_ABORTS = frozenset(("abort", "fail", "exit", "error", "send_error"))
_DEEPEST = 6
_MOST_CALLERS = 300
"""The helper that runs an application's statements is called from everywhere; sixty calls were not many for one."""


@dataclass(frozen=True)
class _Hole:
    """A part of a statement that is not known to be harmless, as the statement names it.

    ``origin`` is `request`, `handler` or `parameter`, and ``source`` what it is called where it comes from; ``owner`` is the function
    that puts the text together, ``routes`` the operations that it handles itself.
    """

    origin: str
    name: str
    source: str
    value: bool
    place: Place
    owner: str
    routes: tuple[str, ...]
    via: tuple[Place, ...] = ()


def run(project: Project) -> Iterator[Hit]:
    """Hits for statements with holes that a caller or a client fills, one a statement."""
    code = project.once(Code)
    told: set[tuple[str, Span]] = set()
    for call in project.calls:
        if call.name not in _SINKS and call.name != "?.extra":
            continue
        found = code.at(call.place, call.name.rpartition(".")[2])
        if found is None:
            continue
        expression, body = found
        reader = _Reader(code, call)
        for argument in _text_expressions(expression, call.name):
            holes = reader.statement(argument, body, (), 0)
            if not holes or not (reader.is_statement() or _takes_pieces(call)):
                continue
            for statement in _statements(holes):
                hit = _hit(call, statement)
                if (hit.place.path, hit.place.span) not in told:
                    told.add((hit.place.path, hit.place.span))
                    yield hit


def _statements(holes: list[_Hole]) -> Iterator[list[_Hole]]:
    """Holes by the statement that they are in: one for each caller that hands its text to the function that runs it."""
    ways: dict[tuple[Place, ...], list[_Hole]] = {}
    for hole in holes:
        ways.setdefault(tuple(place for place in hole.via if place.role == "call"), []).append(hole)
    yield from ways.values()


def _text_expressions(expression: ir.Call, name: str) -> Iterator[ir.Expression]:
    if name == "?.extra":
        for argument in expression.arguments:
            if argument.name in _EXTRA:
                yield argument.value
        return
    position, names = _SINKS[name]
    for argument in expression.arguments:
        if argument.name in names:
            yield argument.value
            return
    plain = [argument for argument in expression.arguments if argument.name is None and not argument.stars]
    if position < len(plain):
        yield plain[position].value


def _takes_pieces(call: Call) -> bool:
    """Whether the call takes part of a statement: the receiver of Django's `extra`, SQLAlchemy's `text`."""
    return call.name == "?.extra" or call.name.rpartition(".")[2] in (
        "text",
        "literal_column",
        "RawSQL",
        "SQL",
        "TextClause",
    )


class _Reader:
    """Reads the text of one statement back to where its parts come from."""

    def __init__(self, code: Code, call: Call) -> None:
        self._code = code
        self._call = call
        self._known: list[str] = []
        self._seen: set[tuple[int, str]] = set()

    def is_statement(self) -> bool:
        """Whether what is known of the text reads like SQL."""
        return _STATEMENT.search(" ".join(self._known)) is not None

    def statement(
        self, expression: ir.Expression, body: Body, via: tuple[Place, ...], depth: int, line: int = 0
    ) -> list[_Hole]:
        """The holes of text that becomes a statement, or a part of one as it stands."""
        if depth > _DEEPEST:
            return []
        line = line or self._line(expression)
        if isinstance(expression, ir.Constant):
            self._known.append(str(expression.value))
            return []
        if isinstance(expression, ir.Template):
            return self._parts(list(expression.parts), expression, body, via, depth)
        if isinstance(expression, ir.Operation):
            if expression.operator == "+":
                return self._parts(_flat(expression), expression, body, via, depth)
            if expression.operator == "%" and len(expression.operands) == 2:
                return self._percent(expression, body, via, depth)
            if expression.operator in ("or", "and"):
                return [
                    hole for part in expression.operands for hole in self.statement(part, body, via, depth + 1, line)
                ]
            return []
        if isinstance(expression, ir.Conditional):
            return [
                *self.statement(expression.body, body, via, depth + 1, line),
                *self.statement(expression.orelse, body, via, depth + 1, line),
            ]
        if isinstance(expression, ir.Await):
            return self.statement(expression.value, body, via, depth, line)
        if isinstance(expression, (ir.Sequence, ir.Mapping)):
            items = expression.items if isinstance(expression, ir.Sequence) else [v for _, v in expression.items]
            return [hole for item in items for hole in self.statement(item, body, via, depth + 1, line)]
        if isinstance(expression, ir.Comprehension):
            return self.statement(expression.element, body, via, depth + 1, line)
        if isinstance(expression, ir.Name):
            return self._named(expression.id, body, via, depth, line)
        if isinstance(expression, ir.Call):
            return self._built(expression, body, via, depth, line)
        return []

    def _line(self, expression: ir.Expression) -> int:
        span = span_of(expression)
        return span.line if span is not None else 0

    def _named(self, name: str, body: Body, via: tuple[Place, ...], depth: int, line: int) -> list[_Hole]:
        key = (id(body), name)
        if key in self._seen:
            return []
        self._seen.add(key)
        owner = _owner(body, name)
        if owner is None or (owner.function is None and _CONSTANT.match(name)):
            return []
        holes: list[_Hole] = []
        for binding in owner.bindings.get(name, ()):
            if line and binding.line > line and owner is body and binding.how != "element":
                continue
            if binding.how in ("value", "added", "element"):
                holes += self.statement(binding.value, owner, via, depth + 1)
        if name in owner.parameters and not owner.bindings.get(name):
            holes += self._from_callers(name, owner, via, depth)
        elif name in owner.parameters and (default := owner.parameters[name].default) is not None:
            self.statement(default, owner, via, depth + 1)
        return holes

    def _from_callers(self, name: str, owner: Body, via: tuple[Place, ...], depth: int) -> list[_Hole]:
        """A helper that passes its text on: the text is read where it is built, in the callers."""
        if depth > 3:
            return []
        holes: list[_Hole] = []
        for call, caller in self._code.callers(owner, _MOST_CALLERS) or ():
            given = argument_for(call, owner, name)
            if given is not None:
                step = Place(
                    caller.path, call.name_span, f"{caller.qualname or caller.path} calls {owner.qualname}", "call"
                )
                holes += self.statement(given, caller, (*via, step), depth + 1)
        return holes

    def _built(self, call: ir.Call, body: Body, via: tuple[Place, ...], depth: int, line: int) -> list[_Hole]:
        word = last_name(call.function)
        if isinstance(call.function, ir.Attribute):
            receiver = call.function.value
            if word == "format" and isinstance(receiver, (ir.Constant, ir.Name, ir.Operation, ir.Template, ir.Call)):
                if (
                    "sql" in spelling(receiver).lower().split(".")
                    or last_name(getattr(receiver, "function", receiver)) == "SQL"
                ):
                    return []
                return self._format(call, receiver, body, via, depth)
            if word == "join" and call.arguments:
                return self._joined(call, receiver, body, via, depth)
            if word in _SAME or word in ("strip", "dedent"):
                return self.statement(receiver, body, via, depth + 1, line)
            if word == "dedent":
                return self.statement(call.arguments[0].value, body, via, depth + 1, line) if call.arguments else []
        if word in ("dedent", "cleandoc", "str", "unwrap") and call.arguments:
            return self.statement(call.arguments[0].value, body, via, depth + 1, line)
        if word in _WRAPPERS or depth > 3:
            return []  # judged as a statement of its own
        return self._returned(call, word, via, depth, body)

    def _returned(self, call: ir.Call, word: str, via: tuple[Place, ...], depth: int, body: Body) -> list[_Hole]:
        """A helper that builds the text: what it gives back is read, with this call's arguments in place of its parameters."""
        bodies = self._code.named(word) if word else []
        if not bodies:
            # A function of a library, or a lambda: text that goes in comes out.
            given = (argument.value for argument in call.arguments if not argument.stars)
            texts = [item for item in given if _is_sql(item) or _is_piece(item)]
            return [hole for item in texts for hole in self.statement(item, body, via, depth + 1)]
        if len(bodies) != 1 or (id(bodies[0]), "return") in self._seen:
            return []
        helper = bodies[0]
        self._seen.add((id(helper), "return"))
        holes: list[_Hole] = []
        note = f"{helper.qualname} puts text together for {body.qualname or body.path}"
        step = Place(body.path, call.name_span, note, "definition")
        for statement in _returns(helper):
            holes += self.statement(statement, helper, (*via, step), depth + 1)
        return holes

    def _format(
        self, call: ir.Call, receiver: ir.Expression, body: Body, via: tuple[Place, ...], depth: int
    ) -> list[_Hole]:
        holes = self.statement(receiver, body, via, depth + 1)
        text = receiver.value if isinstance(receiver, ir.Constant) and isinstance(receiver.value, str) else ""
        positions = [match.start() for match in re.finditer(r"\{[^{}]*\}", text)] if text else []
        for index, argument in enumerate(call.arguments):
            where = -1
            if argument.name and text:
                where = text.find("{" + argument.name)
            elif index < len(positions):
                where = positions[index]
            before = text[:where] if where >= 0 else ""
            holes += self._hole(argument.value, before, call, body, via, depth)
        return holes

    def _joined(
        self, call: ir.Call, separator: ir.Expression, body: Body, via: tuple[Place, ...], depth: int
    ) -> list[_Hole]:
        given = call.arguments[0].value
        if isinstance(separator, ir.Constant):
            self._known.append(str(separator.value))
        if isinstance(given, ir.Comprehension):
            return self._parts([given.element], given, body, via, depth)
        if isinstance(given, ir.Sequence):
            return [hole for item in given.items for hole in self._parts([item], item, body, via, depth)]
        holes = self.statement(given, body, via, depth + 1)
        if isinstance(given, ir.Name) and (owner := _owner(body, given.id)) is not None and depth < _DEEPEST:
            for binding in owner.bindings.get(given.id, ()):
                items = binding.value.items if isinstance(binding.value, ir.Sequence) else (binding.value,)
                for item in items if binding.how == "added" or isinstance(binding.value, ir.Sequence) else ():
                    if isinstance(item, (ir.Name, ir.Attribute, ir.Subscript)):
                        holes += self._hole(item, "", call, body, via, depth)
        return holes

    def _percent(self, expression: ir.Operation, body: Body, via: tuple[Place, ...], depth: int) -> list[_Hole]:
        left, right = expression.operands
        holes = self.statement(left, body, via, depth + 1)
        text = left.value if isinstance(left, ir.Constant) and isinstance(left.value, str) else ""
        marks = list(re.finditer(r"%(?:\((\w+)\))?[-+ #0-9.]*([a-zA-Z%])", text))
        marks = [mark for mark in marks if mark.group(2) != "%"]
        pairs: list[tuple[re.Match[str] | None, ir.Expression | None]]
        if isinstance(right, ir.Mapping):
            given = {key.value: value for key, value in right.items if isinstance(key, ir.Constant)}
            pairs = [(mark, given.get(mark.group(1))) for mark in marks]
        else:
            items = right.items if isinstance(right, ir.Sequence) and right.kind == "tuple" else (right,)
            pairs = list(zip(marks, items, strict=False)) if marks else [(None, item) for item in items]
        for mark, value in pairs:
            if value is not None and (mark is None or mark.group(2) not in "dfiuxX"):
                before = text[: mark.start()] if mark is not None else ""
                holes += self._hole(value, before, expression, body, via, depth)
        return holes

    def _parts(
        self, parts: list[ir.Expression], whole: ir.Expression, body: Body, via: tuple[Place, ...], depth: int
    ) -> list[_Hole]:
        holes: list[_Hole] = []
        before = ""
        for part in parts:
            if isinstance(part, ir.Constant):
                before += str(part.value)
                self._known.append(str(part.value))
            else:
                holes += self._hole(part, before, whole, body, via, depth)
                before += "{}"
        return holes

    # -- one part of a statement

    def _hole(
        self, part: ir.Expression, before: str, whole: ir.Expression, body: Body, via: tuple[Place, ...], depth: int
    ) -> list[_Hole]:
        span = span_of(whole) or span_of(part)
        if span is None or _is_piece(part):
            return self.statement(part, body, via, depth + 1)
        seen = set(self._seen)
        origin = self.origin(part, body, depth, frozenset())
        self._seen = seen
        if origin is None:
            return []
        if origin[0] == "text":
            return self.statement(part, body, via, depth + 1)
        value = bool(_VALUE.search(before[-60:]))
        routes = tuple(f"{route.method} {route.path}" for route in self._code.routes(body))
        return [
            _Hole(
                origin[0],
                _written(part) or origin[1],
                origin[1],
                value,
                Place(body.path, span),
                body.qualname or "module",
                routes,
                via,
            )
        ]

    def origin(
        self, part: ir.Expression, body: Body, depth: int, seen: frozenset[tuple[int, str]]
    ) -> tuple[str, str] | None:
        """Where a part of a statement comes from, with the name it has there; None where it is harmless or not known."""
        if depth > _DEEPEST + 2:
            return None
        if isinstance(part, (ir.Call, ir.Attribute, ir.Subscript)) and _REQUEST.search(spelling(part)):
            if isinstance(part, ir.Call) and last_name(part.function) in _NUMBERS:
                return None
            if any(argument.name in ("type", "cast") for argument in getattr(part, "arguments", ())):
                return None
            return "request", _written(part) or spelling(part)
        if isinstance(part, ir.Name):
            return self._origin_of_name(part.id, body, depth, seen)
        if isinstance(part, ir.Attribute):
            return self._origin_of_attribute(part, body, depth, seen)
        if isinstance(part, ir.Subscript):
            found = self.origin(part.value, body, depth + 1, seen)
            return found if found is not None and found[0] in ("request", "handler") else None
        if isinstance(part, ir.Await):
            return self.origin(part.value, body, depth, seen)
        if isinstance(part, ir.Conditional):
            return self.origin(part.body, body, depth + 1, seen) or self.origin(part.orelse, body, depth + 1, seen)
        if isinstance(part, ir.Template):
            return self._first(part.parts, body, depth, seen)
        if isinstance(part, ir.Operation):
            if part.operator in ("+", "or", "and", "%"):
                return self._first(part.operands, body, depth, seen)
            return None
        if isinstance(part, ir.Sequence):
            return self._first(part.items, body, depth, seen)
        if isinstance(part, ir.Comprehension):
            return self.origin(part.element, body, depth + 1, seen)
        if isinstance(part, ir.Call):
            return self._origin_of_call(part, body, depth, seen)
        return None

    def _first(
        self, parts: tuple[ir.Expression, ...], body: Body, depth: int, seen: frozenset[tuple[int, str]]
    ) -> tuple[str, str] | None:
        return next((found for part in parts if (found := self.origin(part, body, depth + 1, seen)) is not None), None)

    def _origin_of_name(
        self, name: str, body: Body, depth: int, seen: frozenset[tuple[int, str]]
    ) -> tuple[str, str] | None:
        owner = _owner(body, name)
        if owner is None or owner.function is None or (id(owner), name) in seen or _is_tested(body, name):
            return None
        seen = seen | {(id(owner), name)}
        for binding in owner.bindings.get(name, ()):
            if _is_sql(binding.value):
                return "text", name
            found = self.origin(binding.value, owner, depth + 1, seen)
            if found is not None:
                return found
        if name not in owner.parameters or any(b.how == "value" for b in owner.bindings.get(name, ())):
            return None
        return self._origin_of_parameter(owner.parameters[name], owner, depth, seen)

    def _origin_of_parameter(
        self, parameter: ir.Parameter, owner: Body, depth: int, seen: frozenset[tuple[int, str]]
    ) -> tuple[str, str] | None:
        name = parameter.name
        if name in ("self", "cls") or _is_typed(parameter.annotation, self._code) or _converted(owner, name):
            return None
        routes = self._code.routes(owner)
        if routes:
            if name in _PROVIDED or _is_provided(parameter):
                return None
            if not any(f"{{{name}" in route.path for route in routes) and routes[0].framework not in _DECLARING:
                # Not of the path: a decorator hands it in, and where that has it from is not seen here.
                return None if _KEYS.search(name) else ("parameter", name)
            return ("parameter" if _KEYS.search(name) and parameter.annotation is None else "handler"), name
        if isinstance(parameter.default, ir.Constant) and isinstance(parameter.default.value, (int, float)):
            return None
        callers = self._code.callers(owner)
        if callers:
            known = 0
            worst: tuple[str, str] | None = None
            for call, caller in callers:
                given = argument_for(call, owner, name)
                if given is None:
                    continue
                known += 1
                found = self.origin(given, caller, depth + 2, seen)
                if found is not None and (worst is None or _RANK[found[0]] < _RANK[worst[0]]):
                    worst = found
            if known:
                return worst if worst is None or worst[0] != "text" else None
        return "parameter", name

    def _origin_of_attribute(
        self, part: ir.Attribute, body: Body, depth: int, seen: frozenset[tuple[int, str]]
    ) -> tuple[str, str] | None:
        written = spelling(part)
        first = written.split(".", 1)[0]
        if (
            first in ("self", "cls")
            or _CONFIGURED.search(written)
            or _CONSTANT.match(part.name)
            or part.name.startswith("__")
            or part.name in ("value", "name", "db_table", "table_name", "tablename", "schema", "column", "dialect")
            or _KEYS.search(part.name)
        ):
            return None
        found = self.origin(part.value, body, depth + 1, seen)
        return (found[0], written) if found is not None and found[0] in ("request", "handler") else None

    def _origin_of_call(
        self, part: ir.Call, body: Body, depth: int, seen: frozenset[tuple[int, str]]
    ) -> tuple[str, str] | None:
        word = last_name(part.function)
        if word in _NUMBERS or _QUOTING.search(word):
            return None
        if isinstance(part.function, ir.Attribute):
            receiver = part.function.value
            if word == "join" and part.arguments:
                return self.origin(part.arguments[0].value, body, depth + 1, seen)
            if word == "format":
                return self._first(tuple(item.value for item in part.arguments), body, depth, seen)
            if word == "get" and part.arguments and self._is_table(receiver, body):
                return None
            if word in _SAME or word in ("get", "pop", "items", "values", "keys", "getlist", "first"):
                return self.origin(receiver, body, depth + 1, seen)
        elif word in ("str", "repr", "list", "tuple", "set", "sorted", "dict", "map", "cast") and part.arguments:
            if word == "map" and last_name(part.arguments[0].value) in _NUMBERS:
                return None
            return self.origin(part.arguments[-1].value, body, depth + 1, seen)
        return None

    def _is_table(self, receiver: ir.Expression, body: Body) -> bool:
        """A dictionary written out in the code: what is looked up in it is one of its values."""
        if isinstance(receiver, ir.Mapping):
            return True
        owner = _owner(body, receiver.id) if isinstance(receiver, ir.Name) else None
        return owner is not None and any(
            isinstance(b.value, ir.Mapping) for b in owner.bindings.get(last_name(receiver), ())
        )


def _is_provided(parameter: ir.Parameter) -> bool:
    """Whether the framework injects what the code provides: `= Depends(f)`, `Annotated[T, Depends(f)]`."""
    return any(
        isinstance(part, ir.Call) and last_name(part.function) in ("Depends", "Security", "Provide")
        for given in (parameter.default, parameter.annotation)
        if given is not None
        for part in ir.subexpressions(given)
    )


def _written(part: ir.Expression) -> str:
    """A part as the code spells it, as far as that is short: `name`, `user["id"]`, `auth.get("name")`; empty for more."""
    base = spelling(part)
    if isinstance(part, (ir.Name, ir.Attribute)):
        return base
    key = _key(part)
    if isinstance(part, ir.Subscript) and key:
        return f'{base}["{key}"]'
    return f'{base}("{key}")' if isinstance(part, ir.Call) and key else ""


def _key(part: ir.Expression) -> str:
    """The name under which a value is read from the request: `q` of `request.args.get("q")`."""
    given = part.arguments[0].value if isinstance(part, ir.Call) and part.arguments else getattr(part, "index", None)
    return given.value if isinstance(given, ir.Constant) and isinstance(given.value, str) else ""


# Names of what is a number wherever it is called so.
_COUNTS = re.compile(r"(?:^|_)(?:limit|offset|size|count|page|skip|days|hours|minutes|seconds)$", re.IGNORECASE)
_RANK = {"request": 0, "handler": 1, "parameter": 2, "text": 3}
# Frameworks that fill a handler's parameters from the request by their declaration.
_DECLARING = frozenset(("fastapi", "litestar", "ninja"))
_PROVIDED = frozenset(("request", "req", "db", "session", "conn", "connection", "cursor"))


def _flat(expression: ir.Operation) -> list[ir.Expression]:
    parts: list[ir.Expression] = []
    for operand in expression.operands:
        parts += _flat(operand) if isinstance(operand, ir.Operation) and operand.operator == "+" else [operand]
    return parts


def _owner(body: Body, name: str) -> Body | None:
    """The body whose own name this is: the function, one around it, or the module."""
    current: Body | None = body
    while current is not None:
        if name in current.bindings or name in current.parameters:
            return current
        current = current.outer
    return None


def _is_piece(part: ir.Expression) -> bool:
    """Text with words of its own inside other text: read as part of the statement."""
    return (isinstance(part, (ir.Template, ir.Operation, ir.Conditional)) and _is_sql(part)) or (
        isinstance(part, ir.Call) and last_name(part.function) in ("format", "join")
    )


def _is_sql(expression: ir.Expression) -> bool:
    """Whether an expression is text built from constants with words in them."""
    return any(
        isinstance(item, ir.Constant) and isinstance(item.value, str) and len(item.value.split()) > 1
        for item in ir.subexpressions(expression)
    ) and not isinstance(expression, ir.Call)


def _is_tested(body: Body, name: str) -> bool:
    """Whether a function tests the value before it uses it: `in`, a pattern, or what kind of text it is."""
    tests = [(statement.test, _ends(statement.body, name)) for statement in _tests(body)]
    tests += [(part.test, True) for part in body.expressions() if isinstance(part, ir.Conditional)]
    for test, ends in tests:
        for part in ir.subexpressions(test):
            # `if key not in ("id", "created"): fields.append(key)` leaves everything else open.
            if isinstance(part, ir.Operation) and (part.operator == "in" or (part.operator == "not in" and ends)):
                if any(isinstance(item, ir.Name) and item.id == name for item in ir.subexpressions(part.operands[0])):
                    return True
            elif isinstance(part, ir.Call):
                word = last_name(part.function)
                if word in ("isdigit", "isidentifier", "isalnum", "isalpha", "isnumeric", "isdecimal", "isinstance"):
                    if any(isinstance(item, ir.Name) and item.id == name for item in ir.subexpressions(part)):
                        return True
                elif (word in ("match", "fullmatch", "search") or _QUOTING.search(word)) and any(
                    isinstance(item, ir.Name) and item.id == name for item in ir.subexpressions(part)
                ):
                    return True
    return any(
        isinstance(part, ir.Call)
        and re.match(r"_*(?:valid|check|ensure|assert|verify|require)", last_name(part.function))
        and any(isinstance(argument.value, ir.Name) and argument.value.id == name for argument in part.arguments)
        for part in body.expressions()
    )


def _ends(statements: tuple[ir.Statement, ...], name: str) -> bool:
    """Whether a block goes no further with a value: it leaves the function or the round, or sets the name anew."""
    return any(
        isinstance(statement, (ir.Raise, ir.Return, ir.Jump))
        or (
            isinstance(statement, ir.Assign)
            and any(isinstance(target, ir.Name) and target.id == name for target in statement.targets)
        )
        or (
            isinstance(statement, ir.Evaluate)
            and last_name(getattr(statement.value, "function", statement.value)) in _ABORTS
        )
        for statement in ir.walk(statements)
    )


def _tests(body: Body) -> Iterator[ir.If]:
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.If):
            yield statement


def _returns(body: Body) -> Iterator[ir.Expression]:
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.Return) and statement.value is not None:
            yield statement.value


def _is_typed(annotation: ir.Expression | None, code: Code) -> bool:
    """Whether an annotation leaves no room for SQL: a number, an identifier, a date, a fixed set of words."""
    if annotation is None:
        return False
    if isinstance(annotation, ir.Constant):
        return isinstance(annotation.value, str) and annotation.value.split("[")[0].split(" |")[0] in _TYPED
    if isinstance(annotation, ir.Operation):
        return all(_is_typed(part, code) or _is_none(part) for part in annotation.operands)
    if isinstance(annotation, ir.Subscript):
        name = last_name(annotation.value)
        if name in _TYPED:
            return True
        if name == "Annotated" and isinstance(annotation.index, ir.Sequence):
            return _is_typed(annotation.index.items[0], code)
        items = annotation.index.items if isinstance(annotation.index, ir.Sequence) else (annotation.index,)
        return name in _WRAPPED and all(_is_typed(item, code) or _is_none(item) for item in items)
    name = last_name(annotation)
    return name in _TYPED or name.endswith(("Enum", "Type", "Model", "Field", "Column", "Table", "Order", "Direction"))


def _is_none(part: ir.Expression) -> bool:
    return (isinstance(part, ir.Constant) and part.value is None) or (isinstance(part, ir.Name) and part.id == "None")


def _converted(body: Body, name: str) -> bool:
    """Whether the path of the route turns the parameter into a number: `<int:number>`, `{number:int}`."""
    patterns = (
        f"<int:{name}>",
        f"<uuid:{name}>",
        f"<float:{name}>",
        f"{{{name}:int",
        f"{{{name}:uuid",
        f"<{name}:int",
        f"<{name}:uuid",
    )
    return body.function is not None and any(
        isinstance(part, ir.Constant)
        and isinstance(part.value, str)
        and any(pattern in part.value for pattern in patterns)
        for decorator in body.function.decorators
        for part in ir.subexpressions(decorator.expression)
    )


def _hit(call: Call, holes: list[_Hole]) -> Hit:
    hole = min(holes, key=lambda item: (_RANK[item.origin], not item.value))
    if hole.origin in ("request", "handler"):
        confidence = Confidence.HIGH
    elif hole.value and not _COUNTS.search(hole.source) and not (is_script(call.place.path) and not call.routes):
        confidence = Confidence.MEDIUM
    else:
        confidence = Confidence.LOW
    handed = any(place.role == "call" for place in hole.via)
    routes = hole.routes if handed else call.routes
    subject = f"`{hole.name}` is" if hole.source == hole.name else f"`{hole.name}` comes from `{hole.source}`,"
    source = {
        "request": f"{subject} what the client sends",
        "handler": f"{subject} a parameter of the request",
        "parameter": f"{subject} a parameter that any caller may fill",
    }[hole.origin]
    reached = f"; {routes[0]} leads here" if routes else ""
    places = [*(() if handed else call.chain), *hole.via]
    if hole.place.span != call.place.span or hole.place.path != call.place.path:
        places.append(Place(call.place.path, call.place.span, "the statement is run", "query"))
    return Hit(
        place=hole.place,
        message=f"SQL is put together with `{hole.name}`",
        subject=f"{hole.owner} {hole.name}",
        why=source + reached,
        mend=_mend(call, hole),
        places=tuple(places),
        confidence=confidence,
    )


def _mend(call: Call, hole: _Hole) -> str:
    word = re.findall(r"\w+", hole.name)
    last = word[-1] if word else "value"
    if not hole.value:
        return f"choose `{last}` from a fixed set of names, or quote it as an identifier with the driver's own means"
    if "sqlalchemy" in call.name or "sqlmodel" in call.name:
        return f"write `:{last}` in the text and hand `{{'{last}': ...}}` to execute()"
    if call.name.startswith("?.fetch"):
        return "write `$1` in the text and hand the value over as an argument"
    return "write a placeholder (`%s` or `?`) in the text and hand the value over as a parameter"


CHECK = Check(
    id="sql-injection",
    domain=Domain.DATABASE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Validate and sanitise all input",
    dont="Trust user input",
    tags=("CWE-89", "OWASP-API8:2023", "PCI-DSS-6.2.4"),
    gates=("input_validation",),
    run=run,
    calls=frozenset((*_SINKS, "?.extra")),
    examined=lambda project: sum(1 for call in project.calls if call.name in _SINKS or call.name == "?.extra"),
    doc=__doc__,
    bad=(
        example(
            """
            import sqlite3

            from flask import Flask, g, jsonify, request

            app = Flask(__name__)


            def database():
                if "db" not in g:
                    g.db = sqlite3.connect("shop.db")
                return g.db


            @app.get("/api/v1/products")
            def search():
                word = request.args.get("q", "")
                rows = database().execute("SELECT id, name FROM products WHERE name LIKE '%" + word + "%'")  # <- flagged
                return jsonify([dict(row) for row in rows])


            @app.get("/api/v1/products/<number>")
            def product(number):
                query = "SELECT id, name FROM products WHERE id = '%s'" % number  # <- flagged
                return jsonify(database().execute(query).fetchone())


            @app.get("/api/v1/orders")
            def orders():
                query = "SELECT id, total FROM orders"
                if request.args.get("status"):
                    query += f" WHERE status = '{request.args['status']}'"  # <- flagged
                return jsonify(database().execute(query).fetchall())
            """,
            "values of the request joined, formatted and added to the text",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from sqlalchemy.orm import Session

                    from app.database import get_session
                    from app.reports import revenue

                    app = FastAPI()


                    @app.get("/v1/revenue")
                    def read_revenue(region: str, session: Session = Depends(get_session)):
                        return revenue(session, region)
                    """,
                "app/database.py": """
                    from sqlalchemy import create_engine
                    from sqlalchemy.orm import sessionmaker

                    engine = create_engine("postgresql+psycopg://db/shop")
                    Session = sessionmaker(engine)


                    def get_session():
                        with Session() as session:
                            yield session
                    """,
                "app/reports.py": """
                    from sqlalchemy import text


                    def revenue(session, region):
                        statement = text(f"SELECT sum(total) FROM orders WHERE region = '{region}'")  # <- flagged
                        return session.execute(statement).scalar()
                    """,
            },
            "one call away from the handler",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic import views

                    urlpatterns = [path("api/v1/visits/", views.visits), path("api/v1/patients/", views.patients)]
                    """,
                "clinic/views.py": """
                    from django.db import connection
                    from django.http import JsonResponse

                    from clinic.models import Patient


                    def visits(request):
                        with connection.cursor() as cursor:
                            cursor.execute("SELECT id, day FROM visits WHERE ward = '{}'".format(request.GET["ward"]))  # <- flagged
                            return JsonResponse({"visits": cursor.fetchall()})


                    def patients(request):
                        name = request.GET.get("name")
                        found = Patient.objects.raw(f"SELECT * FROM clinic_patient WHERE name = '{name}'")  # <- flagged
                        return JsonResponse({"patients": [patient.pk for patient in found]})
                    """,
                "clinic/models.py": """
                    from django.db import models


                    class Patient(models.Model):
                        name = models.TextField()
                    """,
            },
            "a cursor and a raw query of Django",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, Request

                    from app.store import fetch

                    app = FastAPI()


                    @app.get("/v1/items")
                    async def items(request: Request):
                        order = request.query_params.get("order", "name")
                        return await fetch(request.app.state.pool, f"SELECT id, name FROM items ORDER BY {order}")  # <- flagged
                    """,
                "app/store.py": """
                    async def fetch(pool, statement):
                        async with pool.acquire() as connection:
                            return await connection.fetch(statement)
                    """,
            },
            "the text is built in the handler and run in a helper",
        ),
        example(
            """
            import psycopg2


            def archive(connection: psycopg2.extensions.connection, customer: str) -> None:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "UPDATE orders SET archived = true "  # <- flagged
                        f"WHERE customer = '{customer}'"
                    )
            """,
            "a helper that any caller may fill",
        ),
        example(
            {
                "bank/app.py": """
                    from flask import Flask, jsonify, request

                    from bank.database import query

                    app = Flask(__name__)


                    @app.get("/api/v1/accounts/<number>")
                    def account(number):
                        return jsonify(query(f"SELECT owner, balance FROM accounts WHERE number = '{number}'"))  # <- flagged


                    @app.post("/api/v1/login")
                    def login():
                        name = request.get_json().get("name")
                        statement = f"SELECT id FROM owners WHERE name = '{name}'"  # <- flagged
                        return jsonify(query(statement))


                    @app.post("/api/v1/owners")
                    def join():
                        fields = ["name"]
                        for key in request.get_json():
                            if key not in ("name", "id"):
                                fields.append(key)
                        return jsonify(query("INSERT INTO owners (" + ", ".join(fields) + ") VALUES (%s)"))  # <- flagged


                    @app.get("/api/v1/owners")
                    def owners():
                        return jsonify(query("SELECT id, name FROM owners LIMIT %s", (50,)))
                    """,
                "bank/database.py": """
                    import psycopg2

                    connection = psycopg2.connect("dbname=bank")


                    def query(statement, values=None):
                        with connection.cursor() as cursor:
                            cursor.execute(statement, values)
                            return cursor.fetchall()
                    """,
            },
            "one helper runs the statements of all handlers",
        ),
    ),
    good=(
        example(
            """
            import sqlite3

            from flask import Flask, jsonify, request

            app = Flask(__name__)
            COLUMNS = {"name": "name", "price": "unit_price"}
            TABLE = "products"


            @app.get("/api/v1/products")
            def search():
                column = COLUMNS.get(request.args.get("sort"), "name")
                limit = int(request.args.get("limit", 20))
                with sqlite3.connect("shop.db") as connection:
                    rows = connection.execute(
                        f"SELECT id, name FROM {TABLE} WHERE name LIKE ? ORDER BY {column} LIMIT {limit}",
                        (request.args.get("q", ""),),
                    )
                    return jsonify(rows.fetchall())
            """,
            "a placeholder, a constant, a table of names and a number",
        ),
        example(
            """
            from fastapi import FastAPI, HTTPException
            from psycopg import sql
            from psycopg_pool import AsyncConnectionPool

            app = FastAPI()
            pool = AsyncConnectionPool("dbname=shop", open=False)


            @app.get("/v1/tables/{name}/rows")
            async def rows(name: str, ids: list[int]):
                marks = ", ".join(["%s"] * len(ids))
                statement = sql.SQL("SELECT * FROM {} WHERE id IN (" + marks + ")").format(sql.Identifier(name))
                async with pool.connection() as connection:
                    return await (await connection.execute(statement, ids)).fetchall()


            @app.get("/v1/products")
            async def products(order: str = "name"):
                if order not in ("name", "price"):
                    raise HTTPException(422, "order by name or price")
                async with pool.connection() as connection:
                    cursor = await connection.execute(f"SELECT id, name FROM products ORDER BY {order}")
                    return await cursor.fetchall()
            """,
            "an identifier quoted by the driver, placeholders for a list, a name that is tested first",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import report

                    urlpatterns = [path("api/v1/report/", report)]
                    """,
                "clinic/views.py": """
                    from django.db import connection
                    from django.http import JsonResponse

                    from clinic.models import Visit


                    def count(table, since):
                        with connection.cursor() as cursor:
                            cursor.execute(f"SELECT count(*) FROM {table} WHERE day > %s", [since])
                            return cursor.fetchone()[0]


                    def report(request):
                        since = request.GET["since"]
                        table = connection.ops.quote_name(Visit._meta.db_table)
                        with connection.cursor() as cursor:
                            cursor.execute(f"SELECT max(day) FROM {table}")
                        return JsonResponse({"visits": count("visits", since), "patients": count("patients", since)})
                    """,
                "clinic/models.py": """
                    from django.db import models


                    class Visit(models.Model):
                        day = models.DateField()
                    """,
            },
            "a helper whose callers only hand in constants",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from sqlalchemy import text
                    from sqlalchemy.orm import Session

                    from app.constants import Status, SCHEMA
                    from app.database import get_session

                    app = FastAPI()


                    @app.get("/v1/orders/{order_id}")
                    def order(order_id: int, status: Status, q: str = "", session: Session = Depends(get_session)):
                        conditions = ["id = :id"]
                        values = {"id": order_id}
                        if q:
                            conditions.append("note ILIKE :note")
                            values["note"] = f"%{q}%"
                        statement = f"SELECT * FROM {SCHEMA}.orders WHERE {' AND '.join(conditions)} AND status = '{status.value}'"
                        return session.execute(text(statement), values).mappings().all()
                    """,
                "app/constants.py": """
                    from enum import Enum

                    SCHEMA = "shop"


                    class Status(str, Enum):
                        OPEN = "open"
                        SENT = "sent"
                    """,
                "app/database.py": """
                    from sqlalchemy import create_engine
                    from sqlalchemy.orm import Session

                    engine = create_engine("postgresql+psycopg://db/shop")


                    def get_session():
                        with Session(engine) as session:
                            yield session
                    """,
            },
            "conditions are constants with named parameters",
        ),
        example(
            """
            from gql import Client, gql
            from gql.transport.requests import RequestsHTTPTransport


            def issues(client: Client, owner: str):
                return client.execute(gql("query($owner: String!) { user(login: $owner) { login } }"), {"owner": owner})


            def run(pool, name: str):
                return pool.execute(f"task-{name}")
            """,
            "not every execute() takes SQL",
        ),
        example(
            {
                "shop/app.py": """
                    from flask import Flask, abort, jsonify, request

                    from shop.access import login_required
                    from shop.database import page

                    app = Flask(__name__)


                    @app.get("/api/v1/orders")
                    @login_required
                    def orders(user):
                        order = request.args.get("order", "day")
                        if order not in ("day", "total"):
                            abort(400)
                        return jsonify(page(f"SELECT day, total FROM orders WHERE owner = {user.id} ORDER BY {order}"))
                    """,
                "shop/access.py": """
                    from functools import wraps

                    from flask import session

                    from shop.database import owner


                    def login_required(handler):
                        @wraps(handler)
                        def guarded(*args, **kwargs):
                            return handler(owner(session["owner"]), *args, **kwargs)

                        return guarded
                    """,
                "shop/database.py": """
                    import psycopg2

                    connection = psycopg2.connect("dbname=shop")


                    def owner(number):
                        with connection.cursor() as cursor:
                            cursor.execute("SELECT id, name FROM owners WHERE id = %s", (number,))
                            return cursor.fetchone()


                    def page(statement, size=50):
                        with connection.cursor() as cursor:
                            cursor.execute(f"{statement} LIMIT {size}")
                            return cursor.fetchall()
                    """,
            },
            "what a decorator hands in, a tested name, a size that is a number",
        ),
    ),
)
