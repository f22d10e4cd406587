"""How sure a query for a whole table is, and what a query in a loop names, said by examples of both."""

from __future__ import annotations

from qualitygate_checks.database import query_in_loop, unbounded_query

from qualitygate.authoring import Confidence, example
from qualitygate.testing import findings_of

MODELS = """
    from django.db import models


    class Team(models.Model):
        name = models.CharField(max_length=50)


    class Person(models.Model):
        team = models.ForeignKey(Team, on_delete=models.CASCADE)
    """
URLS = """
    from django.urls import path

    from people import views

    urlpatterns = [path("api/v1/context", views.context)]
    """
CACHES = """
    from functools import wraps

    from people.stores import store


    def memoize_for(seconds):
        def decorate(function):
            @wraps(function)
            def ask():
                if store.get(function.__name__) is None:
                    store.set(function.__name__, function(), seconds)
                return store.get(function.__name__)

            return ask

        return decorate
    """
VIEWS = """
    from django.http import JsonResponse

    from people.caches import memoize_for
    from people.models import Person

    {decorator}
    def persons():
        return [person.team_id for person in Person.objects.all()]


    def context(request):
        return JsonResponse({{"teams": len(set(persons()))}})
    """


def test_a_whole_table_that_a_cache_keeps_is_less_sure() -> None:
    found = {}
    for decorator in ("", "@memoize_for(120)"):
        files = {
            "people/models.py": MODELS,
            "people/urls.py": URLS,
            "people/views.py": VIEWS.format(decorator=decorator),
        }
        found[decorator] = findings_of(unbounded_query.CHECK, example(files, "one view"))
    [plain], [kept] = found.values()
    assert (plain.confidence, kept.confidence) == (Confidence.MEDIUM, Confidence.LOW)
    assert "@memoize_for keeps the answer" not in plain.why
    assert "@memoize_for keeps the answer" in kept.why


def test_a_loop_is_named_by_its_first_query_and_by_each_of_the_others_once() -> None:
    code = """
    from people.models import Person, Team


    def unknown(names):
        found = []
        for row in names["people"]:
            if not Team.objects.filter(name=row).exists() and Person.objects.filter(team=row).exists():
                found.append((Team.objects.get(name=row), Team.objects.get(name=row)))
        return found
    """
    [finding] = findings_of(
        query_in_loop.CHECK, example({"people/models.py": MODELS, "people/views.py": code}, "a loop")
    )
    assert finding.message.startswith("Team.objects.filter().exists() asks the database")
    assert finding.message.endswith("the loop over names['people']")
    assert [place.note for place in finding.places] == [
        "Person.objects.filter().exists() too",
        "Team.objects.get() too",
    ]
