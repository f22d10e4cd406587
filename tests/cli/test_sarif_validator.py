"""SARIF files judged by the validator of the format's own authors, where it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# The npm package @microsoft/sarif-multitool-linux (or -darwin, -win32) holds this program.
VALIDATOR = os.environ.get("SARIF_MULTITOOL") or shutil.which("Sarif.Multitool")


@pytest.mark.skipif(VALIDATOR is None, reason="SARIF_MULTITOOL does not name the program Sarif.Multitool")
@pytest.mark.parametrize("form", ["sarif", "sarif-full"])
@pytest.mark.parametrize("prepare", ["findings", "nothing", "unread"])
def test_the_validator_finds_no_error_and_no_warning(qgate, repository: Path, prepare: str, form: str) -> None:
    assert VALIDATOR is not None
    arguments = []
    if prepare == "nothing":
        arguments = ["--select", "messaging"]
    if prepare == "unread":
        (repository / "app" / "größe [1] (2).py").write_text("def (\n")
    qgate("scan", "-o", f"{form}=out.sarif", *arguments)
    result = subprocess.run(
        [VALIDATOR, "validate", "out.sarif", "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    # The exit code tells nothing of what was found; SARIF2006 asks whether addresses can be reached from here.
    found = [line for line in result.stdout.splitlines() if re.search(r": (error|warning) (?!SARIF2006)", line)]
    assert found == []
    assert "1 files scanned" in result.stdout
