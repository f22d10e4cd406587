"""Data of requests on the disk of one machine.

What it flags: code on the path of a request that writes files of its own: an upload that is saved (`file.save(...)` of
Flask), `open(..., "wb")`, `aiofiles.open`, `Path.write_bytes`, `Path.write_text`, or that opens a SQLite database.

Why: the next request goes to another machine, or to the same one after a deployment gave it an empty disk: the file is
not there. Two machines that both have "the" file soon have two different ones.

How to mend: put files into object storage (S3 and its like) and data into the database; use `tempfile` for what only this
request needs.

What it cannot see: a shared volume behind the path; answer with `qgate: ignore[local-disk-state]` and say which. Temporary
files, storage classes that an installation can replace, commands and tasks are left alone; what a function builds or
renders on the disk is told with low confidence. A file is told once, with the number of functions that write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks._reach import functions, is_script, owner, way

_OPENS = frozenset({"builtins.open", "io.open", "aiofiles.open", "anyio.open_file", "codecs.open"})
_WRITES = frozenset(
    {"pathlib.Path.write_bytes", "pathlib.Path.write_text", "?.write_bytes", "?.write_text", "anyio.Path.write_bytes"}
)
# Of a path the mode comes first: `target.open("wb")`; of a storage it comes second.
_PATH_OPENS = frozenset({"pathlib.Path.open", "?.open"})
_WRITING = re.compile(r"[wax]b?\+?")
_UPLOADS = frozenset(
    {
        "?.save",
        "werkzeug.datastructures.FileStorage.save",
        "quart.datastructures.FileStorage.save",
        "django.core.files.storage.FileSystemStorage.save",
    }
    | {f"{module}.request.files{getter}.save" for module in ("flask", "quart") for getter in ("", ".get", ".values")}
)
_SQLITE = frozenset({"sqlite3.connect", "aiosqlite.connect"})
_TEMPORARY = frozenset(
    f"tempfile.{name}"
    for name in (
        "NamedTemporaryFile",
        "TemporaryFile",
        "TemporaryDirectory",
        "SpooledTemporaryFile",
        "mkstemp",
        "mkdtemp",
        "gettempdir",
    )
)
_COMMITS = frozenset({"sqlite3.connect.commit", "sqlite3.Connection.commit", "aiosqlite.connect.commit"})
# A file that the same function removes again is not kept.
_REMOVES = frozenset({"os.remove", "os.unlink", "shutil.rmtree", "pathlib.Path.unlink", "?.unlink"})
_APART = re.compile(r"te?mp|cache|/dev/|devnull|log(s|ging)?([/_.]|$)|:memory:|lock|pid", re.IGNORECASE)
# Classes of storage, back-ups and plugins are chosen by an installation.
_CHOSEN = re.compile(
    r"(storage|backend|backup|uploader|exporter|filesystem|driver|repository)s?(\.|:|$)", re.IGNORECASE
)
# What is built or rendered on the disk is handed out and made again.
_WORKING = re.compile(r"(^|[._])(build|render|export|compile|generate)")
# What a developer reads on the machine that it was written on.
_DIAGNOSTIC = re.compile(r"profil(er|ing)|debug|trac(e|ing)|dump|telemetry", re.IGNORECASE)
# Where a path is looked up that an installation may give or leave out: `config.get("record")`.
_CONFIGURED = re.compile(r"(^|_)(config|settings|options|environ)$", re.IGNORECASE)
_TEMPORARY_NAME = re.compile(r"(^|[/_.:])(te?mp|temporary)([/_.]|$)|download", re.IGNORECASE)
# What a path is called that is gone when the work is done: `temp_path`, `tmp_dir`, `TMP_ROOT`.
_SCRATCH = re.compile(
    r"(^|_)(te?mp|temporary|scratch|workdir)(_|$|dir|file|path)|gettempdir|mkdtemp|mkstemp", re.IGNORECASE
)
_TASK = re.compile(r"(^|[/_.])(tasks?|workers?|celery)([/_.]|$)", re.IGNORECASE)


def run(project: Project) -> Iterator[Hit]:
    """A hit for every function on the path of a request that writes to the local disk."""
    temporary = {call.owner for call in project.calls if call.name in _TEMPORARY or call.name in _REMOVES}
    committed = {call.owner for call in project.calls if call.name in _COMMITS}
    code = project.once(Code)
    found: dict[str, dict[str, Call]] = {}
    for call in project.calls:
        if not _writes(call) or not call.routes or call.owner in temporary:
            continue
        apart = _TASK.search(call.owner) or _TEMPORARY_NAME.search(call.owner)
        if not apart and not is_script(call.place.path) and not _in_scratch(code, call):
            found.setdefault(call.place.path, {}).setdefault(call.owner, call)
    for owners in found.values():
        # The surest one is told.
        call, *others = sorted(owners.values(), key=lambda call: bool(_doubt(code, call, committed)))
        more = f", and so do {len(others)} more functions of this file" if others else ""
        doubt = _doubt(code, call, committed)
        yield Hit(
            place=call.place,
            message=f"{owner(call)} {_writes(call)} on the disk of one machine{more}",
            subject=f"{call.name} in {owner(call)}",
            why=f"{way(call)}; {doubt}" if doubt else way(call),
            mend="put it into object storage or the database, or use `tempfile` for what only this request needs",
            places=(*call.chain, *(other.place for other in others[:3])),
            confidence=Confidence.LOW if doubt else None,
        )


def _doubt(code: Code, call: Call, committed: set[str]) -> str:
    """Why a write may do no harm, in words for a finding; empty where nothing speaks for it."""
    if _CHOSEN.search(call.owner):
        return "an installation may choose another storage"
    if _WORKING.search(owner(call).lower()):
        return "what is built here may be made again"
    if _DIAGNOSTIC.search(call.owner):
        return "it may be for those who look after this machine"
    if call.name in _SQLITE and call.owner not in committed:
        return "nothing is seen to be written here"
    if any(map(_SCRATCH.search, functions(call.chain))):
        return "a caller speaks of something temporary"
    return "only where the configuration names a file" if _is_configured(code, call) else ""


def _is_configured(code: Code, call: Call) -> bool:
    """Whether the path is an entry that the configuration may lack."""
    found = code.at(call.place, call.name.rsplit(".", 1)[-1])
    if found is None or not found[0].arguments:
        return False
    path = found[0].arguments[0].value
    bound = found[1].bindings.get(path.id, []) if isinstance(path, ir.Name) else []
    return any(
        isinstance(binding.value, ir.Call)
        and isinstance(binding.value.function, ir.Attribute)
        and binding.value.function.name == "get"
        and len(binding.value.arguments) == 1
        and _CONFIGURED.search(last_name(binding.value.function.value)) is not None
        for binding in bound
    )


def _writes(call: Call) -> str:
    """What a call leaves on the disk; empty where it leaves nothing, or only something temporary."""
    if call.name in _OPENS:
        mode = call.argument("mode", 1)
        if mode is None or not isinstance(mode.value, str) or not set(mode.value) & set("wax"):
            return ""
        return "" if _is_apart(call.argument("file", 0)) else "writes a file"
    if call.name in _WRITES:
        return "writes a file"
    if call.name in _PATH_OPENS:
        mode = call.argument("mode", 0)
        if call.positional and "mode" in call.keywords:
            return ""  # `archive.open(member, mode="w")`: a path has its mode first
        return "writes a file" if mode is not None and _WRITING.fullmatch(str(mode.value)) else ""
    if call.name in _UPLOADS:
        if call.name == "?.save" and (call.receiver != "request" or not call.positional or "commit" in call.keywords):
            return ""
        return "" if _is_apart(call.argument("dst", 0)) else "saves an upload"
    if call.name in _SQLITE:
        return "" if _is_apart(call.argument("database", 0)) else "keeps a database"
    return ""


def _in_scratch(code: Code, call: Call) -> bool:
    """Whether the path that is written to is put together from a temporary one, by the names that it comes from."""
    found = code.at(call.place, call.name.rsplit(".", 1)[-1])
    if found is None:
        return False
    expression, body = found
    written = [expression.arguments[0].value] if expression.arguments else []
    if call.name not in _OPENS and isinstance(expression.function, ir.Attribute):
        written.append(expression.function.value)
    return any(_from_scratch(item, body) for item in written)


def _from_scratch(expression: ir.Expression, body: Body) -> bool:
    """Whether an expression, or what the function gives the names in it, speaks of something temporary."""
    waiting, seen = [expression], set[str]()
    while waiting:
        for part in ir.subexpressions(waiting.pop()):
            name = part.id if isinstance(part, ir.Name) else part.name if isinstance(part, ir.Attribute) else ""
            if _SCRATCH.search(name):
                return True
            if isinstance(part, ir.Name) and name not in seen:
                seen.add(name)
                waiting += [binding.value for binding in body.bindings.get(name, ())]
    return False


def _is_apart(path: Argument | None) -> bool:
    if path is None:
        return True
    if path.kind == "object" and path.name.startswith("tempfile"):
        return True
    return _APART.search(f"{path.value or ''} {path.text} {path.name}") is not None


CHECK = Check(
    id="local-disk-state",
    domain=Domain.SCALING,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Design stateless services",
    dont="Keep data on the disk of one machine",
    tags=("CWE-1052", "SOC2-A1.1"),
    gates=("availability", "data_consistency"),
    run=run,
    calls=_OPENS | _WRITES | _PATH_OPENS | _UPLOADS | _SQLITE | _TEMPORARY | _COMMITS | _REMOVES,
    examined=lambda project: sum(bool(_writes(call)) for call in project.calls),
    doc=__doc__,
    bad=(
        example(
            """
            import os

            from flask import Flask, jsonify, request

            app = Flask(__name__)
            UPLOADS = "/var/helpdesk/uploads"


            @app.post("/api/v1/attachments")
            def attach():
                upload = request.files["file"]
                upload.save(os.path.join(UPLOADS, "attachment"))  # <- flagged
                return jsonify(ok=True), 201
            """,
            "an upload of Flask",
        ),
        example(
            {
                "shop/main.py": """
                    from fastapi import FastAPI, UploadFile

                    from shop.pictures import keep

                    app = FastAPI()


                    @app.post("/v1/pictures", status_code=201)
                    async def picture(name: str, file: UploadFile):
                        keep(name, await file.read())
                        return {"name": name}
                    """,
                "shop/pictures.py": """
                    def keep(name, content):
                        with open(f"/srv/pictures/{name}", "wb") as target:  # <- flagged
                            target.write(content)
                    """,
            },
            "a file, two calls from the route",
        ),
        example(
            """
            import sqlite3

            from flask import Flask, jsonify

            app = Flask(__name__)


            @app.post("/api/v1/votes/<choice>")
            def vote(choice):
                connection = sqlite3.connect("votes.db")  # <- flagged
                connection.execute("UPDATE votes SET count = count + 1 WHERE choice = ?", (choice,))
                connection.commit()
                return jsonify(ok=True)
            """,
            "a database of one machine",
        ),
        example(
            """
            import aiofiles
            from fastapi import FastAPI, UploadFile

            app = FastAPI()


            @app.post("/v1/documents", status_code=201)
            async def document(file: UploadFile):
                async with aiofiles.open(f"documents/{file.filename}", "wb") as target:  # <- flagged
                    await target.write(await file.read())
                return {"ok": True}
            """,
            "an asynchronous file",
        ),
        example(
            """
            import shutil
            from pathlib import Path

            from fastapi import FastAPI, UploadFile

            app = FastAPI()
            FOLDER = Path("/srv/documents")


            @app.post("/v1/documents", status_code=201)
            def document(file: UploadFile):
                target = FOLDER / file.filename
                with target.open("wb") as buffer:  # <- flagged
                    shutil.copyfileobj(file.file, buffer)
                return {"ok": True}
            """,
            "a path that is opened",
        ),
    ),
    good=(
        example(
            """
            import boto3
            from flask import Flask, jsonify, request

            app = Flask(__name__)
            storage = boto3.client("s3")


            @app.post("/api/v1/attachments")
            def attach():
                storage.upload_fileobj(request.files["file"], "attachments", "attachment")
                return jsonify(ok=True), 201
            """,
            "object storage",
        ),
        example(
            """
            import tempfile

            from fastapi import FastAPI, UploadFile

            from shop.scanning import scan

            app = FastAPI()


            @app.post("/v1/documents", status_code=201)
            async def document(file: UploadFile):
                with tempfile.TemporaryDirectory() as folder:
                    with open(f"{folder}/upload", "wb") as target:
                        target.write(await file.read())
                    return {"clean": scan(folder)}
            """,
            "temporary files",
        ),
        example(
            """
            import shutil
            from pathlib import Path

            from fastapi import Depends, FastAPI, UploadFile

            from app.archives import read_archive, temporary_folder

            app = FastAPI()


            @app.post("/v1/imports")
            def create_import(archive: UploadFile, tmp_dir: str = Depends(temporary_folder)):
                target = Path(tmp_dir) / "archive.zip"
                with target.open("wb") as buffer:
                    shutil.copyfileobj(archive.file, buffer)
                return {"rows": read_archive(target)}


            @app.post("/v1/previews")
            def create_preview(picture: UploadFile):
                with temporary_folder() as temp_path:
                    copy = temp_path.joinpath("picture.png")
                    with copy.open("wb") as buffer:
                        shutil.copyfileobj(picture.file, buffer)
                    return {"size": copy.stat().st_size}
            """,
            "paths below a temporary one",
        ),
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/v1/terms")
            def terms():
                with open("terms.txt") as source:
                    return {"text": source.read()}
            """,
            "reads only",
        ),
        example(
            """
            from django.http import JsonResponse
            from django.urls import path

            from clinic.models import Document


            def upload(request):
                document = Document(file=request.FILES["file"])
                document.save()
                return JsonResponse({"id": document.pk}, status=201)


            urlpatterns = [path("api/v1/documents/", upload)]
            """,
            "a model saves through the storage of its field",
            path="clinic/urls.py",
        ),
    ),
)
