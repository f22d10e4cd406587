"""Slow work that a client has to wait for.

What it flags: work on the path of a request that belongs into a queue: mail that is sent (SMTP, Django, Flask-Mail,
SendGrid), child processes, pauses, PDF and office documents, spreadsheets and data frames, video, archives, model
inference, and calls to another system inside a loop. The finding shows the calls from the route. A function is told once
for each kind.

Why: the request holds a worker for as long as the work takes; a few of them at once, and nobody else is served. A client
that gives up and tries again starts the work anew.

How to mend: hand the work to a task of a queue (Celery, RQ, Dramatiq, arq), answer 202 with an address where the result
will be, and let the client ask for it.

What it cannot see: how long the work really takes, and whether a queue is called in a place that could not be followed.
Code in tasks, threads and commands is left alone, and so is a function that the project hands to a queue in another place.
What blocks an event loop has a check of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.calls import Call
from qualitygate_checks._reach import functions, is_script, owner, way

_VERBS = ("get", "post", "put", "patch", "delete", "head", "request")
_KINDS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        [
            "smtplib.SMTP",
            "smtplib.SMTP_SSL",
            "django.core.mail.send_mail",
            "django.core.mail.send_mass_mail",
            "django.core.mail.mail_admins",
            "django.core.mail.EmailMessage.send",
            "django.core.mail.EmailMultiAlternatives.send",
            "flask_mail.Mail.send",
            "flask_mailman.EmailMessage.send",
            "sendgrid.SendGridAPIClient.send",
            "emails.Message.send",
        ],
        ("mail", "sends mail"),
    ),
    **dict.fromkeys(
        [f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "getoutput")]
        + ["subprocess.Popen.communicate", "subprocess.Popen.wait", "os.system"],
        ("process", "waits for a child process"),
    ),
    "time.sleep": ("pause", "sleeps"),
    **dict.fromkeys(
        [
            "weasyprint.HTML.write_pdf",
            "pdfkit.from_string",
            "pdfkit.from_url",
            "pdfkit.from_file",
            "xhtml2pdf.pisa.CreatePDF",
            "reportlab.platypus.SimpleDocTemplate.build",
        ],
        ("document", "makes a PDF"),
    ),
    **dict.fromkeys(
        [
            "pandas.read_csv",
            "pandas.read_excel",
            "pandas.ExcelWriter",
            "pandas.DataFrame.to_excel",
            "openpyxl.load_workbook",
            "xlsxwriter.Workbook",
            "xlwt.Workbook",
        ],
        ("sheet", "reads or writes a spreadsheet"),
    ),
    **dict.fromkeys(
        ["ffmpeg.run", "moviepy.editor.VideoFileClip", "cv2.VideoCapture", "shutil.make_archive"],
        ("media", "works on media or an archive"),
    ),
    **dict.fromkeys(
        ["transformers.pipeline", "torch.load", "whisper.load_model", "tensorflow.keras.models.load_model"],
        ("model", "loads a model"),
    ),
}
_REMOTE = frozenset(
    [f"requests.{verb}" for verb in _VERBS]
    + [f"{session}.{verb}" for session in ("requests.Session", "requests.session") for verb in _VERBS]
    + [f"httpx.{verb}" for verb in _VERBS]
    + [f"httpx.Client.{verb}" for verb in _VERBS]
    + ["urllib.request.urlopen"]
)
_BLOCKING = ("requests.", "httpx.", "urllib.", "subprocess.", "os.", "time.", "smtplib.")
_TASK = re.compile(r"(^|[/_.])(tasks?|workers?|celery|bgtasks)([/_.]|$)", re.IGNORECASE)
_MENDS = {
    "mail": "send it from a task in a queue",
    "process": "run it in a task in a queue, with a timeout",
    "pause": "answer at once, and let the client ask again or a task wait",
    "document": "make it in a task, and answer 202 with the address of the result",
    "sheet": "read or write it in a task, and answer 202 with the address of the result",
    "media": "do it in a task, and answer 202 with the address of the result",
    "model": "load it once when the process starts, and run it in a task",
    "remote": "fetch them in a task, or all at once with a limit",
}
# What tells how the service fares takes the time that the answer needs.
_PROBE = re.compile(
    r" (/(api|rest|v\d+)){0,9}/(health\w*|status|ready\w*|live\w*|ping|version|metrics)(/[^{]*)?$| [^ ]*/(health\w*|ping)/?$"
)
# A mail that tries the settings which the client has just given is the answer itself.
_TRIAL = re.compile(
    r"(check|test|try|verify)_?(mail|email|smtp|connection|credential)|(mail|email|smtp|credential)s?_?(check|test)",
    re.IGNORECASE,
)
_TEST = re.compile(r"(Test|Check|Validate|Verify)\w{0,80}\.|(^|[._])(test|check|validate|verify)_")
_QUEUES = frozenset(f"?.{name}" for name in ("enqueue", "enqueue_in", "enqueue_call", "submit", "add_task", "spawn"))
_SHORT = 0.1
"""Seconds: a shorter pause is no work."""


def run(project: Project) -> Iterator[Hit]:
    """A hit for every function on the path of a request that does slow work, one for each kind."""
    seen: set[tuple[str, str]] = set()
    queued = _queued(project)
    pausing = {call.owner for call in project.calls if call.name in ("time.sleep", "asyncio.sleep")}
    for call in project.calls:
        found = _slow(call)
        if found is None or not call.routes or call.deferred or _apart(call):
            continue
        if all(_PROBE.search(route) for route in call.routes):
            continue
        if queued.intersection((owner(call), *functions(call.chain))):
            continue
        kind, does = found
        if kind == "remote" and call.owner in pausing:
            continue  # attempts, not items
        if (call.owner, kind) in seen:
            continue
        seen.add((call.owner, kind))
        yield Hit(
            place=call.place,
            message=f"{owner(call)} {does} while a client waits",
            subject=f"{kind} in {owner(call)}",
            why=way(call),
            mend=_MENDS[kind],
            places=call.chain,
            confidence=Confidence.LOW if (kind == "pause" and not _long(call)) or _is_trial(kind, call) else None,
        )


def _queued(project: Project) -> set[str]:
    """Functions that are handed to a queue or to a thread by name: where they are called at once, there is no queue."""
    return {
        argument.name.split(":", 1)[-1]
        for call in project.calls
        if call.name in _QUEUES
        for argument in (*call.positional[:2], *call.keywords.values())
        if argument.kind == "reference" and ":" in argument.name
    }


def _slow(call: Call) -> tuple[str, str] | None:
    if call.name in _REMOTE:
        return ("remote", "calls another system once for each item") if call.in_loop else None
    if call.name == "time.sleep":
        delay = call.argument("secs", 0)
        if delay is not None and isinstance(delay.value, (int, float)) and delay.value < _SHORT:
            return None
    source = call.argument("filepath_or_buffer", 0)
    if source is not None and source.name.endswith(".StringIO"):
        return None  # text that is in memory already
    return _KINDS.get(call.name)


def _is_trial(kind: str, call: Call) -> bool:
    names = (owner(call), *functions(call.chain))
    if kind == "process":
        return any(_TEST.search(name) for name in names)
    return kind == "mail" and any(_TRIAL.search(name) for name in names)


def _long(call: Call) -> bool:
    delay = call.argument("secs", 0)
    return delay is not None and isinstance(delay.value, (int, float)) and delay.value >= _SHORT


def _apart(call: Call) -> bool:
    """Whether the code belongs to a task, a thread of its own or a command, or blocks an event loop: that is told already."""
    if (call.asynchronous or call.loop) and call.name.startswith(_BLOCKING):
        return True
    in_thread = owner(call).endswith("Thread.run")
    return in_thread or is_script(call.place.path) or _TASK.search(call.owner) is not None


CHECK = Check(
    id="heavy-work-in-request",
    domain=Domain.SCALING,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Use queues for heavy tasks",
    dont="Block on long operations",
    tags=("CWE-400", "CWE-1050", "OWASP-API4:2023"),
    gates=("api_response_time", "throughput"),
    run=run,
    calls=frozenset(_KINDS) | _REMOTE | _QUEUES | {"asyncio.sleep"},
    examined=lambda project: sum(bool(call.routes) for call in project.calls if _slow(call) is not None),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/main.py": """
                    from fastapi import FastAPI

                    from shop.mail import send_receipt

                    app = FastAPI()


                    @app.post("/v1/orders", status_code=201)
                    def create(email: str):
                        send_receipt(email, 7)
                        return {"number": 7}
                    """,
                "shop/mail.py": """
                    import smtplib


                    def send_receipt(email, number):
                        with smtplib.SMTP("mail.example.com", timeout=10) as server:  # <- flagged
                            server.sendmail("shop@example.com", [email], f"order {number}")
                    """,
            },
            "mail, two calls from the route",
        ),
        example(
            """
            import subprocess

            from flask import Flask, jsonify, request

            app = Flask(__name__)


            @app.post("/api/v1/videos")
            def convert():
                subprocess.run(["ffmpeg", "-i", request.json["path"], "out.mp4"], check=True)  # <- flagged
                return jsonify(ok=True)
            """,
            "a child process",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import InviteView

                    urlpatterns = [path("api/v1/invites/", InviteView.as_view())]
                    """,
                "clinic/views.py": """
                    from django.core.mail import send_mail
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class InviteView(APIView):
                        def post(self, request):
                            send_mail("Welcome", "Hello", None, [request.data["email"]])  # <- flagged
                            return Response(status=201)
                    """,
            },
            "the mail of Django",
        ),
        example(
            """
            import requests
            from fastapi import FastAPI
            from weasyprint import HTML

            app = FastAPI()


            @app.get("/v1/rates")
            def rates(currencies: str):
                found = {}
                for currency in currencies.split(","):
                    found[currency] = requests.get(f"https://rates.example.com/{currency}", timeout=5).json()  # <- flagged
                return found


            @app.get("/v1/invoices/{number}")
            def invoice(number: int):
                return HTML(string=f"<h1>{number}</h1>").write_pdf()  # <- flagged
            """,
            "another system once for each item, and a PDF",
        ),
    ),
    good=(
        example(
            {
                "shop/main.py": """
                    from fastapi import FastAPI

                    from shop.tasks import send_receipt

                    app = FastAPI()


                    @app.post("/v1/orders", status_code=201)
                    def create(email: str):
                        send_receipt.delay(email, 7)
                        return {"number": 7}
                    """,
                "shop/tasks.py": """
                    import smtplib

                    from celery import shared_task


                    @shared_task
                    def send_receipt(email, number):
                        with smtplib.SMTP("mail.example.com", timeout=10) as server:
                            server.sendmail("shop@example.com", [email], f"order {number}")
                    """,
            },
            "a task in a queue",
        ),
        example(
            """
            import requests
            from flask import Flask, jsonify

            app = Flask(__name__)


            @app.get("/api/v1/rates/<currency>")
            def rate(currency):
                return jsonify(requests.get(f"https://rates.example.com/{currency}", timeout=5).json())
            """,
            "one call to another system",
        ),
        example(
            """
            import click
            import pandas


            @click.command()
            @click.argument("path")
            def load(path):
                print(len(pandas.read_csv(path)))
            """,
            "a command",
            path="shop/load.py",
        ),
        example(
            """
            import django_rq
            from django.core.mail import send_mail
            from django.http import JsonResponse
            from django.urls import path


            def welcome(email):
                send_mail("Welcome", "Hello", None, [email])


            def invite(request):
                django_rq.enqueue(welcome, request.POST["email"])
                return JsonResponse({"ok": True}, status=202)


            urlpatterns = [path("api/v1/invites/", invite)]
            """,
            "handed to a queue by name",
            path="clinic/urls.py",
        ),
    ),
)
