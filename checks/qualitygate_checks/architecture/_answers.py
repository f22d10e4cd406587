"""In: the project. Out: the inline answers that are audited, and a short text for a list of ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qualitygate.authoring import APPLICATION, Answer, Language, Place, Project


def audited(project: Project) -> Iterator[Answer]:
    """Answers in code that is judged. Plain text may be a manual that shows how an answer is written."""
    return (answer for answer in project.answers if answer.role in APPLICATION and answer.language is not Language.TEXT)


def count(project: Project) -> int:
    """How many answers are audited."""
    return sum(1 for _ in audited(project))


def place(answer: Answer) -> Place:
    """Where an answer stands."""
    return Place(answer.path, answer.directive.span)


def listed(ids: Iterable[str]) -> str:
    """Ids as a sentence names them."""
    return ", ".join(f"`{one}`" for one in ids)
