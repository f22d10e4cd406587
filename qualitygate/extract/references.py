"""In: a contract's document and a way to read its sibling files. Out: what its references mean, with their places.

Nothing is read but files of the same scan: no address on the network, no file outside the root.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from qualitygate.model.source import Language, Place, SourceFile, Span, Unread
from qualitygate.parse.document import Document, Malformed, load, split_pointer
from qualitygate.parse.text import Undecodable, decode

# A chain of references longer than this is no design; it keeps a walk finite beside the check for cycles.
MAX_HOPS = 50
MAX_UNREAD = 25
MAX_BYTES = 20_000_000

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")


@dataclass(frozen=True)
class File:
    """A file that a contract is made of."""

    path: str
    document: Document

    def place(self, span: Span, note: str = "", role: str = "") -> Place:
        """The place of a span in this file."""
        return Place(self.path, span, note, role)


@dataclass(frozen=True)
class Node:
    """A value with the file that holds it. ``name`` is the last part of the reference it was reached by; ``place`` is
    where it stands: the key that holds it."""

    file: File
    data: Any
    place: Place
    name: str = ""

    def child(self, key: str | int) -> Node:
        """The value under a key, or an item. The key must exist."""
        return Node(self.file, self.data[key], self.file.place(self.file.document.key(self.data, key)))


class References:
    """Follows the references of one contract, reads each file once, and keeps what could not be read.

    Lives while one contract is extracted.
    """

    def __init__(self, root: File, sibling: Callable[[str], SourceFile | None]) -> None:
        self._sibling = sibling
        self._files: dict[str, File | None] = {root.path: root}
        self._resolved: dict[tuple[str, str], Node | None] = {}
        self._anchors: dict[str, dict[str, Any]] = {}
        self._told: dict[tuple[str, str], Unread] = {}
        self.depends_on: dict[str, str] = {}

    @property
    def unread(self) -> tuple[Unread, ...]:
        """The references that lead nowhere and the files that could not be read; of many, the first and a count."""
        told = sorted(self._told.values(), key=lambda unread: (unread.path, unread.line, unread.reason))
        if len(told) <= MAX_UNREAD:
            return tuple(told)
        last = told[MAX_UNREAD - 1]
        rest = Unread(last.path, last.line, f"{len(told) - MAX_UNREAD + 1} more references that lead nowhere")
        return (*told[: MAX_UNREAD - 1], rest)

    def follow(self, node: Node) -> Node | None:
        """The node itself, or what its ``$ref`` leads to at last; None (and told) where that is nothing."""
        seen: set[tuple[str, str]] = set()
        while isinstance(node.data, dict) and isinstance(reference := node.data.get("$ref"), str):
            step = (node.file.path, reference)
            if step in seen or len(seen) >= MAX_HOPS:
                self._tell(node, reference, f"the reference {_shown(reference)} leads back to itself")
                return None
            seen.add(step)
            if step not in self._resolved:
                self._resolved[step] = self._resolve(node, reference)
            target = self._resolved[step]
            if target is None:
                return None
            node = target
        return node

    # Steps that take a broken document as it is.

    def child(self, node: Node | None, key: str) -> Node | None:
        """What stands under a key, where it is a mapping or a list."""
        if node is None or not isinstance(node.data, dict) or not isinstance(node.data.get(key), (dict, list)):
            return None
        return node.child(key)

    def followed(self, node: Node, key: str) -> Node | None:
        """The mapping under a key, its references followed."""
        child = self.child(node, key)
        target = self.follow(child) if child is not None else None
        return target if target is not None and isinstance(target.data, dict) else None

    def entries(self, node: Node | None) -> Iterator[tuple[str, Node]]:
        """The keys of a mapping but for extensions, each with what stands under it."""
        if node is not None:
            node = self.follow(node)
        if node is not None and isinstance(node.data, dict):
            for key in node.data:
                if not key.startswith("x-"):
                    yield key, node.child(key)

    def items(self, holder: Node, key: str) -> Iterator[Node]:
        """The items of the list under a key."""
        child = self.child(holder, key)
        target = self.follow(child) if child is not None else None
        if target is not None and isinstance(target.data, list):
            for number in range(len(target.data)):
                yield target.child(number)

    def _resolve(self, node: Node, reference: str) -> Node | None:
        address, _, fragment = reference.partition("#")
        if _ADDRESS.match(address):
            if (known := self._anchor(node.file, reference)) is not None:
                return known
            self._tell(node, reference, f"the reference {_shown(reference)} leaves the tree: not followed")
            return None
        if address:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(node.file.path), unquote(address)))
            if path.startswith(("../", "/")) or path == "..":
                self._tell(
                    node, reference, f"the reference {_shown(reference)} leads out of the scanned root: not followed"
                )
                return None
            file = self._file(path)
            if file is None:
                if path not in {unread.path for unread in self._told.values()}:
                    self._tell(node, reference, f"the reference {_shown(reference)} leads to no file of the scan")
                return None
        else:
            file = node.file
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            known = self._anchor(file, "#" + fragment)
            if known is None:
                self._tell(node, reference, f"the reference {_shown(reference)} leads to nothing")
            return known
        parts = split_pointer(fragment)
        data = file.document.data
        holder: Any = None
        key: str | int = ""
        for part in parts:
            holder = data
            if isinstance(data, dict) and part in data:
                key, data = part, data[part]
            elif isinstance(data, list) and part.isdecimal() and len(part) < 10 and int(part) < len(data):
                key, data = int(part), data[int(part)]
            else:
                self._tell(node, reference, f"the reference {_shown(reference)} leads to nothing")
                return None
        span = file.document.span(()) if holder is None else file.document.key(holder, key)
        if holder is None:
            # A whole file: its first line says enough, and is what an editor should open.
            span = Span(span.line, span.column, span.line, span.column + 1)
        name = parts[-1] if parts else posixpath.splitext(posixpath.basename(file.path))[0]
        return Node(file, data, file.place(span), name)

    def _file(self, path: str) -> File | None:
        if path not in self._files:
            self._files[path] = self._load(path)
        return self._files[path]

    def _load(self, path: str) -> File | None:
        source = self._sibling(path)
        if source is None:
            self.depends_on[path] = ""
            return None
        language = source.language if source.language in (Language.YAML, Language.JSON) else Language.YAML
        try:
            data = source.read()
            self.depends_on[path] = hashlib.blake2b(data, digest_size=16).hexdigest()
            if len(data) > MAX_BYTES:
                raise Malformed(0, f"larger than {MAX_BYTES // 1_000_000} MB: not read")
            document = next(load(decode(data, language), language), None)
        except OSError as error:
            self._told[(path, "")] = Unread(path, 0, f"cannot be read: {error.strerror or error}")
            return None
        except Undecodable as error:
            self._told[(path, "")] = Unread(path, 0, str(error))
            return None
        except Malformed as error:
            self._told[(path, "")] = Unread(path, error.line, error.reason)
            return None
        return None if document is None else File(path, document)

    def _anchor(self, file: File, name: str) -> Node | None:
        """What an ``$anchor`` (``#name``) or an absolute ``$id`` of this file names (JSON Schema 2020-12)."""
        if file.path not in self._anchors:
            self._anchors[file.path] = _anchors(file.document.data)
        data = self._anchors[file.path].get(name)
        if data is None:
            return None
        key = "$anchor" if "$anchor" in data else "$id"
        return Node(file, data, file.place(file.document.key(data, key)), name.rsplit("/", 1)[-1].lstrip("#"))

    def _tell(self, node: Node, reference: str, reason: str) -> None:
        line = node.file.document.key(node.data, "$ref").line
        self._told.setdefault((node.file.path, reference), Unread(node.file.path, line, reason))


def _anchors(data: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stack = [data]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if not isinstance(node, (dict, list)) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict):
            if isinstance(anchor := node.get("$anchor"), str):
                found.setdefault("#" + anchor, node)
            if isinstance(identity := node.get("$id"), str):
                found.setdefault(identity, node)
            stack.extend(node.values())
        else:
            stack.extend(node)
    return found


def _shown(reference: str) -> str:
    return repr(reference if len(reference) <= 120 else reference[:117] + "...")
