"""Records of what a repository says about itself beside its code: what is built and run, and which decisions were written down."""

from __future__ import annotations

import msgspec

from qualitygate.model.source import Span


class Unit(msgspec.Struct, frozen=True, array_like=True):
    """Something that is built, or that runs as a process of its own.

    ``kind`` is `image` (a container file), `service` (of a compose file), `workload` (of Kubernetes, ``scale`` the number
    of its replicas), `process` (of a Procfile, of supervisor or of systemd) or `chart` (of Helm). ``image`` is what it is
    made of or runs, ``command`` what it starts, ``ports`` the ports that it offers, ``needs`` the units that it waits for.
    ``build`` is true where the image is built from this repository, ``health`` where something asks whether it is well.
    Values are as written, cut short where they are long.
    """

    kind: str
    name: str
    span: Span
    image: str = ""
    command: str = ""
    ports: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    scale: str = ""
    build: bool = False
    health: bool = False


class Decision(msgspec.Struct, frozen=True, array_like=True):
    """A record of a decision about the architecture.

    ``status`` is in the words of the record, ``date`` as written; both are empty where it does not say. ``replaced_by``
    and ``replaces`` name the other record as written.
    """

    title: str
    status: str
    date: str
    span: Span
    replaced_by: str = ""
    replaces: str = ""
