"""In: the text of a Python file. Out: its neutral program form as facts."""

from __future__ import annotations

from qualitygate.extract.reading import Reading
from qualitygate.model.source import Text


def read_python(text: Text) -> Reading:
    """Read one Python file. Raises ``Unparsable`` for a syntax error."""
    from qualitygate.parse.python import parse_python

    parsed = parse_python(text)
    return Reading(parsed.tree, parsed.span, lambda: {"module": parsed.module()})
