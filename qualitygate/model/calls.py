"""Records of library calls and settings in the code: what is called or set, to what, where, and by which requests."""

from __future__ import annotations

import msgspec

from qualitygate.model.source import Place


class Argument(msgspec.Struct, frozen=True):
    """An argument as far as it is known.

    ``kind`` is `constant` (``value`` holds it), `template` (text built from parts: ``text`` with ``{}`` for every part
    that is not known, ``parts`` naming where those come from: `parameter`, `request`, `setting`, `call`, `unknown`),
    `setting` (from the environment or a settings object; ``value`` is its default where it has one), `parameter` (of the
    enclosing function), `request` (read from the request), `object` (what a library call gave back: ``name`` is that
    call), `reference` (a function, class or library name: ``name``), `items` (a list, tuple or set: ``items``),
    `mapping` (``keys`` and ``items`` side by side) or `unknown`. ``complete`` is false where items may be missing, and
    where the value is only one of several.
    """

    kind: str
    value: str | int | float | bool | None = None
    text: str = ""
    parts: tuple[str, ...] = ()
    name: str = ""
    keys: tuple[str, ...] = ()
    items: tuple[Argument, ...] = ()
    complete: bool = True
    place: Place | None = None

    def entry(self, key: str) -> Argument | None:
        """The value of a mapping's key, where it is known."""
        return self.items[self.keys.index(key)] if self.kind == "mapping" and key in self.keys else None


class Call(msgspec.Struct, frozen=True):
    """A call that some check asked for.

    ``name`` is the dotted name of a library function or of a library object's method; a method of an object of unknown
    type is `?.method`. ``receiver`` says what a method is called on, where that is known (`request` for parts of a
    request). ``owner`` is `path:function`, or the path alone for code that runs at import. ``complete`` is false where
    unpacked arguments are not known. ``routes`` name the operations that reach the call in a few steps, ``chain`` leads
    there from the first of them; ``asynchronous`` tells an owner declared with ``async``. ``loop`` is a way by which a
    coroutine that serves a request runs the call on its own event loop, no thread between; empty where none is seen.
    ``deferred`` tells a call inside a lambda: made when that is called.
    """

    name: str
    place: Place
    owner: str
    positional: tuple[Argument, ...] = ()
    keywords: dict[str, Argument] = {}
    complete: bool = True
    receiver: str = ""
    asynchronous: bool = False
    awaited: bool = False
    in_loop: bool = False
    in_try: bool = False
    routes: tuple[str, ...] = ()
    chain: tuple[Place, ...] = ()
    loop: tuple[Place, ...] = ()
    deferred: bool = False

    def argument(self, name: str, position: int | None = None) -> Argument | None:
        """An argument by keyword, or else by position; None where it is absent."""
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None


class Assignment(msgspec.Struct, frozen=True):
    """A value that code gives to a name, an attribute or a key that some check asked for.

    ``name`` is the last name (`DEBUG`), ``target`` what it belongs to as the code spells it (`app.config` of
    `app.config["DEBUG"] = True` and of `app.config.update(DEBUG=True)`; empty for a plain name). ``owner`` is
    `path:Class` or `path:function`, or the path alone for a name of the module. ``conditional`` tells that a condition
    decides over it. ``place`` is the value's where it has one of its own, else the statement's.
    """

    name: str
    target: str
    value: Argument
    place: Place
    owner: str
    conditional: bool = False


class Settings(msgspec.Struct, frozen=True):
    """A settings module of Django with the values in force in it, of the names that some check asked for.

    ``bases`` are the paths of the settings modules whose names it takes over with a star. The place of a value is where
    it is assigned, in this module or in one of those.
    """

    path: str
    values: dict[str, Argument]
    bases: tuple[str, ...] = ()
