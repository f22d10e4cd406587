"""In: one file. Out: the literal values that it binds to names, with their offsets.

A binding says nothing about secrecy: names and values are judged elsewhere. Each language has one reader; a language
without one has no bindings, only formats and addresses.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qualitygate.authoring import Language, ParsedFile


@dataclass(frozen=True)
class Bound:
    """A literal bound to a name, with the offsets of exactly its characters.

    ``whole`` bounds the literal with its quotes and its prefix, where the file was parsed. ``form`` says how: `assignment`, `fallback`, `comparison`, `argument`, `element` (of a list), `setting`, `statement`.
    """

    name: str
    value: str
    start: int
    end: int
    form: str
    whole: tuple[int, int] | None = None


KEYWORD = re.compile(r"pass|pwd|secret|token|key|cred|identified|jwt", re.IGNORECASE)
"""Text without one of these words binds nothing to a credential's name."""

_KEYWORDS = tuple(KEYWORD.pattern.split("|"))

MAX_LINE = 4000


def bindings(file: ParsedFile) -> Iterator[Bound]:
    """The bindings of ``file``.

    Python that was parsed is read in its neutral form, everything else line by line: also Python that is not parsed
    because it serves tests, or that cannot be (a print statement of Python 2).
    """
    if file.module is not None:
        from qualitygate_checks.security._python import python_bindings

        yield from python_bindings(file)
    elif has_keyword(file.text.content):
        yield from _reader(file)(file.text.content)


def has_keyword(text: str) -> bool:
    """Whether :data:`KEYWORD` matches anywhere: one look for each of its words is faster than one for all of them."""
    lowered = text.lower()
    return any(word in lowered for word in _KEYWORDS)


class Keywords:
    """Where :data:`KEYWORD` matches in a text: found once, and then asked for one stretch of it after another."""

    def __init__(self, text: str) -> None:
        lowered = text.lower()
        self._known = len(lowered) == len(text)
        self._text = text
        self._places: list[int] = []
        # A letter whose small form is longer moves what follows it: then each stretch is looked through.
        for word in _KEYWORDS if self._known else ():
            place = lowered.find(word)
            while place >= 0:
                self._places.append(place)
                place = lowered.find(word, place + 1)
        self._places.sort()

    def __bool__(self) -> bool:
        return bool(self._places) or (not self._known and has_keyword(self._text))

    def within(self, start: int, end: int) -> bool:
        """Whether one begins in the characters from ``start`` up to, not including, ``end``."""
        if not self._known:
            return has_keyword(self._text[start:end])
        at = bisect_left(self._places, start)
        return at < len(self._places) and self._places[at] < end


def _reader(file: ParsedFile) -> Callable[[str], Iterator[Bound]]:
    """The reader of a file's language, or of its suffix; that of any text for a name that says nothing.

    `settings.yml.dist` and `.env.production.sample` are read as what they are copied to.
    """
    if file.language in _READERS:
        return _READERS[file.language]
    name = file.path.rpartition("/")[2].lower()
    while "." in name:
        name, _, suffix = name.rpartition(".")
        if reader := _BY_SUFFIX.get(suffix):
            return reader
        if suffix not in _COPIES:
            break
    return _anything


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that hold a keyword, with the offset of each; a line past :data:`MAX_LINE` is left out."""
    lowered = text.lower()
    # A letter whose small form is longer moves what follows it: then the slow way.
    moved = len(lowered) != len(text)
    ahead = {} if moved else {word: found for word in _KEYWORDS if (found := lowered.find(word)) >= 0}
    place = _first(text, 0) if moved else min(ahead.values(), default=-1)
    while place >= 0:
        start = text.rfind("\n", 0, place) + 1
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        if end - start <= MAX_LINE:
            yield start, text[start:end].rstrip("\r")
        if moved:
            place = _first(text, end)
            continue
        for word in [word for word, found in ahead.items() if found < end]:
            ahead[word] = lowered.find(word, end)
            if ahead[word] < 0:
                del ahead[word]
        place = min(ahead.values(), default=-1)


def _first(text: str, start: int) -> int:
    match = KEYWORD.search(text, start)
    return match.start() if match else -1


_ENVIRONMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][\w.]*)\s*=\s*(?P<value>.*)")
_SETTING = re.compile(r"\s*(?://[^\s=]{1,200}:)?(?P<name>[A-Za-z_][\w.\-/ ]{0,120}?)\s{0,40}[=:]\s*(?P<value>.*)")
_TOML = re.compile(
    r"(?P<name>(?<![\w.\-])[\w.\-]+|\"[^\"]{1,120}\")\s{0,40}=\s*(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*')"
)
_JSON = re.compile(r"\"(?P<name>[^\"\\]{1,120})\"\s*:\s*(?P<value>\"(?:[^\"\\]|\\.)*\")")
_YAML = re.compile(
    r"[\s\-]*(?:\"(?P<quoted>[^\"]{1,120})\"|'(?P<single>[^']{1,120})'|(?P<name>[A-Za-z_][\w.\-/]{0,120}))\s*:(?:\s+(?P<value>.*))"
)
_YAML_ITEM = re.compile(r"\s*-\s+[\"']?(?P<name>[A-Za-z_]\w*)=(?P<value>.*?)[\"']?\s{0,40}$")
_YAML_NAMED = re.compile(r"\s*(?:-\s+)?name:\s*[\"']?(?P<name>[A-Za-z_][\w.\-]*)[\"']?\s*$")
_YAML_VALUE = re.compile(r"\s*(?:-\s+)?value:\s+(?P<value>.*)")
_DOCKER = re.compile(r"\s*(?:ENV|ARG)\s+(?P<rest>.*)", re.IGNORECASE)
_DOCKER_PAIR = re.compile(r"(?<!\w)(?P<name>[A-Za-z_]\w*)=(?P<value>\"[^\"]*\"|'[^']*'|\S*)")
_OPTION = re.compile(
    r"--(?P<name>(?:[a-z]+-){0,4}(?:password|passwd|secret|token|api-key))[= ](?P<value>\"[^\"]*\"|'[^']*'|[^\s\"',\]]+)"
)
_PASSED = re.compile(
    r"(?:^|\s)(?:-e|--env|--build-arg|--set|-D)[\s=]*[\"']?(?P<name>[A-Za-z_][\w.\-]{0,80})=(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"',]+)"
)
_INLINE = re.compile(r"(?:^|[\s;&\"'])(?P<name>[A-Z][A-Z0-9_]{2,80})=(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"';&|,)\]]+)")
_HEADER = re.compile(r"(?P<name>[Xx]-[A-Za-z\-]{0,40}(?:[Tt]oken|[Kk]ey|[Ss]ecret)):\s*(?P<value>[^\s\"'<>]{8,200})")
_FALLBACK = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*):?-(?P<value>[^}]*)\}")
_SQL = re.compile(
    r"\b(?P<name>(?:ENCRYPTED\s+)?PASSWORD|IDENTIFIED\s+(?:WITH\s+\S+\s+)?BY)\s*(?:=\s*)?'(?P<value>(?:[^']|'')*)'",
    re.IGNORECASE,
)


_SQL_SET = re.compile(r"\b(?P<name>[A-Za-z_]\w{0,60})\s*=\s*'(?P<value>(?:[^']|'')*)'")
_SQL_INSERT = re.compile(
    r"\bINSERT\s{1,20}INTO\s{1,20}[\w.\"`\[\]]{1,130}\s{0,20}\((?P<columns>[^()']{1,4000})\)\s{0,40}VALUES\b",
    re.IGNORECASE,
)
_SQL_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|[(),;]|[A-Za-z_]\w*")
_MAX_ROWS = 1_000_000


def _unquoted(line: str, start: int, end: int, comment: str = " #") -> tuple[int, int]:
    """The bounds of a scalar inside ``line``: without quotes, a trailing comment, a comma or white space."""
    while start < end and line[start] in " \t":
        start += 1
    if start < end and line[start] in "\"'":
        close = line.find(line[start], start + 1)
        while line[start] == '"' and 0 <= close < end and line[close - 1] == "\\" and line[close - 2] != "\\":
            close = line.find('"', close + 1)
        return (start + 1, close) if 0 <= close < end else (start, start)
    if (place := line.find(comment, start, end)) >= 0:
        end = place
    while end > start and line[end - 1] in " \t,;":
        end -= 1
    return start, end


def _bound(offset: int, line: str, name: str, start: int, end: int, form: str = "setting") -> Iterator[Bound]:
    start, end = _unquoted(line, start, end)
    if start == end:
        return
    value = line[start:end]
    if fallback := _FALLBACK.fullmatch(value):
        start, end = start + fallback.start("value"), start + fallback.end("value")
        value, form = line[start:end], "fallback"
    yield Bound(name, value, offset + start, offset + end, form)


def _matched(offset: int, line: str, match: re.Match[str] | None, comment: str = "#") -> Iterator[Bound]:
    if match and not line.lstrip().startswith(comment):
        yield from _bound(offset, line, match["name"].strip('"'), *match.span("value"))


def _environment(text: str) -> Iterator[Bound]:
    for offset, line in _lines(text):
        start = _uncommented(line)
        yield from _matched(offset + start, line[start:], _ENVIRONMENT.match(line[start:]))


def _ini(text: str) -> Iterator[Bound]:
    for offset, line in _lines(text):
        start = _uncommented(line)
        yield from _matched(offset + start, line[start:], _SETTING.match(line[start:]))


_COMMENTED = re.compile(r"\s*(?:#|;|//)[#;!]*\s*(?=[\w\"'.\-]+\s{0,3}[=:]\s*\S+\s*$)")


def _uncommented(line: str) -> int:
    """Where a setting begins that a comment sign has switched off; 0 for any other line."""
    found = _COMMENTED.match(line)
    return found.end() if found else 0


def _toml(text: str) -> Iterator[Bound]:
    for offset, line in _lines(text):
        for match in _TOML.finditer(line):
            yield from _matched(offset, line, match)


def _json(text: str) -> Iterator[Bound]:
    for offset, line in _lines(text):
        for match in _JSON.finditer(line):
            yield from _bound(offset, line, match["name"], *match.span("value"))


_MANIFEST = re.compile(r"^kind:[ \t]*[\"']?Secret[\"']?[ \t]*\r?$", re.MULTILINE)
_LONG = 10
_DATA = re.compile(r"^data:[ \t]*\r?\n(?P<entries>(?:[ \t][^\n]*\n|\r?\n)*)", re.MULTILINE)
_ENTRY = re.compile(
    r"^[ \t]+[\"']?(?P<name>[\w.\-]+)[\"']?:[ \t]+[\"']?(?P<value>[A-Za-z0-9+/]{4,4000}={0,2})[\"']?[ \t]*\r?$",
    re.MULTILINE,
)


def _kubernetes(text: str) -> Iterator[Bound]:
    """The entries under `data` of a Kubernetes secret, decoded: base64 hides nothing."""
    start = 0
    for document in re.split(r"(?m)^---.*$", text):
        place = text.find(document, start)
        start = place + len(document)
        data = _DATA.search(document + "\n") if _MANIFEST.search(document) else None
        for entry in _ENTRY.finditer(data["entries"]) if data else ():
            try:
                value = base64.b64decode(entry["value"] + "=" * (-len(entry["value"]) % 4), validate=True).decode()
            except ValueError:
                continue
            if data and value.isprintable():
                at = place + data.start("entries")
                # Whatever lies in a secret is meant to be one; a short word is the name of a user or a host.
                named = KEYWORD.search(entry["name"]) is not None
                if named or len(value) >= _LONG:
                    name = entry["name"] if named else f"{entry['name']}_password"
                    yield Bound(name, value, at + entry.start("value"), at + entry.end("value"), "setting")


def _yaml(text: str) -> Iterator[Bound]:
    if "Secret" in text:
        yield from _kubernetes(text)
    for whole, full in _lines(text):
        start = _uncommented(full)
        offset, line = whole + start, full[start:]
        if line.lstrip().startswith("#"):
            continue
        if named := _YAML_NAMED.match(line):
            follow = offset + len(line) + 1
            end = text.find("\n", follow)
            after = text[follow : end if end >= 0 else len(text)]
            if len(after) <= MAX_LINE and (value := _YAML_VALUE.match(after)):
                yield from _bound(follow, after, named["name"], *value.span("value"))
        elif item := _YAML_ITEM.match(line):
            yield from _bound(offset, line, item["name"], *item.span("value"))
        elif entry := _YAML.match(line):
            name = entry["quoted"] or entry["single"] or entry["name"]
            if entry["value"][:1] not in ("|", ">", "!", "&", "*", "[", "{"):
                yield from _bound(offset, line, name, *entry.span("value"))
            elif entry["value"].startswith("{"):
                for pair in _FLOW.finditer(line, entry.start("value")):
                    yield from _bound(offset, line, pair["name"], *pair.span("value"))
        yield from _options(offset, line)


_COMMENTS = ("//", "#", "*", "/*", "<!--")
_QUOTED = re.compile(
    r"(?P<name>[A-Za-z_][\w.\-]{0,80})[\"'\]]{0,2}\s*(?::\s*[\w<>\[\]?]{1,30}\s*)?(?::=|=>|[=:]|(?P<compared>[=!]==?))\s*(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^'\\]*')"
)
_CELL = re.compile(
    r"(?P<name>[A-Za-z_]\w{0,80})(?:\\?[\"'])?\]?\s*[=:]\s*(?P<quote>\\\"|')(?P<value>[^\"'\\]{1,300})(?P=quote)"
)
_FLOW = re.compile(r"[{,]\s*[\"']?(?P<name>[\w.\-]+)[\"']?\s*:\s+(?P<value>\"[^\"]*\"|'[^']*'|[^,{}\[\]]+)")


def _options(offset: int, line: str) -> Iterator[Bound]:
    for pattern in (_OPTION, _PASSED, _INLINE, _HEADER):
        for option in pattern.finditer(line):
            yield from _bound(offset, line, option["name"], *option.span("value"), "argument")


def _dockerfile(text: str) -> Iterator[Bound]:
    for offset, line in _lines(text):
        if line.lstrip().startswith("#"):
            continue
        if instruction := _DOCKER.match(line):
            pairs = list(_DOCKER_PAIR.finditer(line, instruction.start("rest")))
            for pair in pairs:
                yield from _bound(offset, line, pair["name"], *pair.span("value"))
            name, _, value = instruction["rest"].partition(" ")
            if not pairs and value:
                yield from _bound(offset, line, name, instruction.start("rest") + len(name) + 1, len(line))
        else:
            yield from _options(offset, line)


def _sql(text: str) -> Iterator[Bound]:
    for offset, line in _lines(text):
        for pattern in (_SQL, _SQL_SET):
            for match in pattern.finditer(line):
                if not line[: match.start()].lstrip().startswith("--"):
                    name = "password" if pattern is _SQL else match["name"]
                    start, end = match.span("value")
                    yield Bound(name, match["value"], offset + start, offset + end, "statement")
    for insert in _SQL_INSERT.finditer(text):
        columns = [column.strip(' \t\r\n"`[]') for column in insert["columns"].split(",")]
        if KEYWORD.search(insert["columns"]):
            yield from _rows(text, insert.end(), columns)


def _rows(text: str, start: int, columns: list[str]) -> Iterator[Bound]:
    """The literals of VALUES (...), (...): each belongs to the column at its place in its row."""
    depth, column = 0, 0
    for token in _SQL_TOKEN.finditer(text, start, start + _MAX_ROWS):
        if token[0] == "(":
            depth += 1
            column = 0 if depth == 1 else column
        elif token[0] == ")":
            depth -= 1
        elif depth <= 0 and token[0] != "," and not token[0].startswith("--"):
            return  # the rows are over: a semicolon, ON CONFLICT, RETURNING, the next statement
        elif token[0] == "," and depth == 1:
            column += 1
        elif depth == 1 and token[0].startswith("'") and column < len(columns):
            yield Bound(columns[column], token[0][1:-1], token.start() + 1, token.end() - 1, "statement")


_SETTER = re.compile(
    r"\b[a-z]{0,3}[sS]et_?(?P<name>[A-Za-z_]{0,40}(?:[pP]assword|[pP]asswd|[sS]ecret|[tT]oken|[kK]ey))\(\s*(?P<value>\"[^\"\\]*\"|'[^'\\]*')\s*\)"
)


def _code(text: str) -> Iterator[Bound]:
    """Any other language: a quoted value behind `=`, `:`, `:=` or `=>`, compared, or handed to a setter."""
    for offset, line in _lines(text):
        if not line.lstrip().startswith(_COMMENTS):
            yield from _quoted(offset, line)
            for match in _SETTER.finditer(line):
                yield from _bound(offset, line, match["name"], *match.span("value"), "argument")


def _quoted(offset: int, line: str) -> Iterator[Bound]:
    for match in _QUOTED.finditer(line):
        form = "comparison" if match["compared"] else "setting"
        yield from _bound(offset, line, match["name"], *match.span("value"), form)


def _notebook(text: str) -> Iterator[Bound]:
    """Code cells are strings of JSON: their quotes are escaped, or of the other kind."""
    for offset, line in _lines(text):
        for match in _CELL.finditer(line):
            yield Bound(
                match["name"], match["value"], offset + match.start("value"), offset + match.end("value"), "setting"
            )


def _shell(text: str) -> Iterator[Bound]:
    for offset, line in _lines(text):
        yield from _matched(offset, line, _ENVIRONMENT.match(line))
        if not line.lstrip().startswith("#"):
            yield from _options(offset, line)


_ALONE = re.compile(
    r"\s*(?:[-*>$]\s+)?(?:export\s+)?(?P<name>[A-Za-z_][\w.\-]{0,80})\s*[=:]\s*(?P<value>[^\s,;]+)[,;]?\s*$"
)


def _anything(text: str) -> Iterator[Bound]:
    """Text of an unknown kind: quoted values as in code, else a line that is nothing but a name and one word."""
    for offset, line in _lines(text):
        if line.lstrip().startswith(_COMMENTS):
            continue
        yield from _quoted(offset, line)
        if alone := _ALONE.match(line):
            yield from _bound(offset, line, alone["name"], *alone.span("value"))
        yield from _options(offset, line)


_READERS: dict[Language, Callable[[str], Iterator[Bound]]] = {
    Language.ENV: _environment,
    Language.INI: _ini,
    Language.TOML: _toml,
    Language.JSON: _json,
    Language.YAML: _yaml,
    Language.DOCKERFILE: _dockerfile,
    Language.SQL: _sql,
}

# Files of other tools and languages, by suffix: a backend's repository holds its scripts, its gateway and its clients.
_BY_SUFFIX: dict[str, Callable[[str], Iterator[Bound]]] = {
    **dict.fromkeys(("sh", "bash", "zsh", "envrc", "tfvars"), _shell),
    **dict.fromkeys(("conf", "config", "npmrc", "pypirc", "credentials", "ini", "cfg", "properties", "cnf"), _ini),
    **dict.fromkeys(("yml", "yaml"), _yaml),
    **dict.fromkeys(("json", "webmanifest", "tfstate", "ndjson"), _json),
    "toml": _toml,
    "sql": _sql,
    "env": _environment,
    "ipynb": _notebook,
    **dict.fromkeys(
        (
            *("py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "tsx", "vue", "go", "rb", "php", "java", "kt", "kts"),
            *(
                "scala",
                "cs",
                "rs",
                "swift",
                "ex",
                "exs",
                "lua",
                "groovy",
                "gradle",
                "tf",
                "hcl",
                "ps1",
                "jsonc",
                "json5",
            ),
            *("c", "h", "cc", "cpp", "hpp", "m", "pl", "pm", "dart", "clj", "erl", "hs", "fs"),
        ),
        _code,
    ),
}

# Endings of files that are copied under another name before they are used.
_COPIES = frozenset(
    {"example", "sample", "dist", "template", "tmpl", "tpl", "orig", "bak", "default", "old", "local", "j2", "in"}
)
