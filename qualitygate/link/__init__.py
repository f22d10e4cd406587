"""In: the facts of all files. Out: the linked project."""

from __future__ import annotations

from collections.abc import Sequence

from qualitygate.link.agreement import link_agreements
from qualitygate.link.contract import link_contracts
from qualitygate.link.models import link_models
from qualitygate.link.schema import Schema, link_schema, sources_of
from qualitygate.model.facts import FileFacts
from qualitygate.model.program import Program
from qualitygate.model.project import Project
from qualitygate.model.source import Language

_NO_PROGRAM = Program()


def link(files: Sequence[FileFacts], program: Program = _NO_PROGRAM, schema: Schema | None = None) -> Project:
    """Join ``files`` (in the order of their paths) and the ``program`` that their code makes up into one project.

    ``schema`` is what their migrations make, where that is known.
    """
    ordered = tuple(sorted(files, key=lambda facts: facts.path))
    schema = schema if schema is not None else link_schema(sources_of(ordered))
    histories, migrated = schema.histories, schema.tables
    models, declared = link_models(program.models, ordered, histories, migrated)
    contracts = link_contracts(ordered)
    # Two contracts may share a file that cannot be read.
    unread = tuple(dict.fromkeys(unread for facts in ordered for unread in facts.unread)) + program.unread
    unread_code = program.unread or any(facts.unread and facts.language is Language.PYTHON for facts in ordered)
    return Project(
        files=ordered,
        routes=program.routes,
        imports=program.imports,
        apps=program.apps,
        connections=program.connections,
        outbound=program.outbound,
        tasks=program.tasks,
        channels=program.channels,
        caches=program.caches,
        unfollowed=program.unfollowed,
        calls=program.calls,
        assignments=program.assignments,
        settings=program.settings,
        errors=program.errors,
        error_handlers=program.error_handlers,
        page_sizes=program.page_sizes,
        inputs=program.inputs,
        state=program.state,
        contracts=contracts,
        agreements=link_agreements(contracts, program.routes, ordered, sure=not unread_code),
        histories=histories,
        tables=migrated + declared,
        models=models,
        unread=unread,
    )
