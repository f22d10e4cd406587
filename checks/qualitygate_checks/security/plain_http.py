"""An API that is offered without TLS.

What it flags: in a contract, a public server whose address begins with `http://` (its variables replaced by their
defaults), and of OpenAPI 2.0 the scheme `http`. Where the same contract offers the same host with HTTPS as well, it is a
warning. Servers on the developer's machine and on a private network (one label, a private number, `.local`, `.internal`)
are left alone.

Why: whoever sits on the way reads and changes what is sent without TLS, credentials first. Generated clients take the
address that the contract gives them.

How to mend: offer `https://` alone; let plain HTTP answer with a redirect at most.

What it cannot see: TLS that ends before the service, at a proxy whose address the contract does not name.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example


def run(project: Project) -> Iterator[Hit]:
    """A hit for each place that offers plain HTTP."""
    yield from _contracts(project)


def _contracts(project: Project) -> Iterator[Hit]:
    for contract in project.contracts:
        secure = {_host(server.url) for server in contract.servers if server.url.lower().startswith("https://")}
        for server in contract.servers:
            if server.plain_http is None or server.local:
                continue
            both = _host(server.url) in secure
            yield Hit(
                place=Place(server.plain_http.path, server.plain_http.span),
                message=f"The contract offers {_host(server.url) or 'its server'} without TLS",
                subject=_host(server.url),
                why="HTTPS is offered beside it, and a client may take either"
                if both
                else "a client that follows it sends everything in the clear",
                mend="offer `https` alone",
                severity=Severity.WARNING if both else None,
            )


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1].lower() if "://" in url else ""


CHECK = Check(
    id="plain-http",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Always use HTTPS",
    dont="Allow HTTP in production",
    tags=("OWASP-API8:2023", "CWE-319"),
    gates=("data_protection",),
    run=run,
    examined=lambda project: sum(len(contract.servers) for contract in project.contracts),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            servers:
              - url: http://api.example.com/v1  # <- flagged
              - url: http://localhost:8080/v1
            paths: {}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            host: warehouse.example.com
            basePath: /v1
            schemes:
              - https
              - http  # <- flagged
            paths: {}
            """,
            "OpenAPI 2.0: both schemes",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            servers:
              - url: "{scheme}://{host}/v2"  # <- flagged
                variables:
                  scheme: {default: http, enum: [http, https]}
                  host: {default: teams.example.com}
            paths: {}
            """,
            "the default of a variable",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    servers: {$ref: servers.yaml}
                    paths: {}
                    """,
                "spec/servers.yaml": """
                    - url: https://bookings.example.com
                    - url: http://bookings.example.com  # <- flagged
                    """,
            },
            "several files",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            servers:
              - url: https://api.example.com/v1
              - url: http://localhost:8080/v1
              - url: http://invoices:8080
              - url: http://192.168.0.7
              - url: http://invoices.staging.internal
              - url: /v1
            paths: {}
            """,
            "private addresses",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            host: warehouse.example.com
            schemes: [https, wss]
            paths: {}
            """,
            "OpenAPI 2.0",
            path="openapi.yaml",
        ),
    ),
)
