"""In: a checkout, or the files of an example. Out: the libraries that its Python imports, with the number of files each."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from qualitygate.discover import Filters, InputError, discover
from qualitygate.model.source import Language, Role

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_PYTHON = Filters(languages=frozenset({Language.PYTHON}))
# Enough to know a project by, and read in a tenth of a second.
_MOST_FILES = 1_000
_MOST_BYTES = 50_000


def libraries(folder: Path) -> Counter[str]:
    """The top-level names that the Python code below ``folder`` imports.

    Empty outside of a checkout of git: a home directory would take long, and is no project.
    """
    folder = folder.absolute()
    if not any((above / ".git").exists() for above in (folder, *folder.parents)):
        return Counter()
    try:
        files = discover((folder,), _PYTHON).files
    except InputError:
        return Counter()
    wanted = [file for file in files if file.role in (Role.APPLICATION, Role.MIGRATION)]
    contents: dict[str, bytes] = {}
    for file in wanted[:: len(wanted) // _MOST_FILES + 1]:
        try:
            contents[file.path] = file.read()[:_MOST_BYTES]
        except OSError:
            continue
    counts = imported(contents)
    for part in folder.parts:  # a package that the folder lies in
        counts.pop(part, None)
    return counts


def imported(files: Mapping[str, bytes]) -> Counter[str]:
    """The same of files that are at hand; their own modules and those of Python itself are left out."""
    own = {part.removesuffix(".py") for path in files for part in PurePosixPath(path).parts}
    counts: Counter[str] = Counter()
    for path, content in files.items():
        if path.endswith(".py"):
            counts.update({name.decode() for name in _IMPORT.findall(content)})
    return Counter({name: count for name, count in counts.items() if name not in own | sys.stdlib_module_names})
