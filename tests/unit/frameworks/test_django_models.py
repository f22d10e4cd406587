"""Django's models: the tables that classes stand for, with what Django adds to them."""

from collections.abc import Callable, Mapping

from qualitygate.model.project import Project

Drawn = Callable[[Mapping[str, str]], dict[str, list[str]]]
Read = Callable[[Mapping[str, str]], Project]

BASES = """
    from django.conf import settings
    from django.db import models


    class Stamped(models.Model):
        created = models.DateTimeField(auto_now_add=True)

        class Meta:
            abstract = True
            indexes = [models.Index(fields=["created"], name="%(class)s_created")]
    """


def test_a_model_has_the_fields_of_its_abstract_bases_and_an_index_for_each_key(drawn: Drawn) -> None:
    tables = drawn(
        {
            "shop/base.py": BASES,
            "shop/models.py": """
                from django.conf import settings
                from django.db import models

                from shop.base import Stamped


                class Label(models.Model):
                    name = models.CharField(max_length=40, unique=True)


                class Order(Stamped):
                    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
                    labels = models.ManyToManyField(Label)
                    state = models.CharField(max_length=10)
                    number = models.PositiveIntegerField(null=True, db_column="no")

                    class Meta(Stamped.Meta):
                        db_table = "orders"
                        unique_together = [("buyer", "number")]
                        constraints = [
                            models.UniqueConstraint(fields=["state"], condition=models.Q(number=1), name="first")
                        ]
                """,
        }
    )
    assert set(tables) == {"shop_label", "orders", "orders_labels"}
    order = tables["orders"]
    assert order[:6] == [
        "id integer not null shop/models.py:11",
        "buyer_id integer not null shop/models.py:12",
        "state varchar(10) not null shop/models.py:14",
        "no integer shop/models.py:15",
        "created timestamp with time zone not null shop/base.py:6",
        "key (id)",
    ]
    assert "(buyer_id) -> auth_user(id)" in order
    assert "index order_created (created)" in order
    assert "unique first (state)" in order
    assert any(line.endswith("(buyer_id, no)") and line.startswith("unique") for line in order)
    assert any(line.endswith("(buyer_id)") and line.startswith("index") for line in order)
    assert "(order_id) -> orders(id)" in tables["orders_labels"]


def test_a_child_of_a_concrete_model_points_at_its_parents_row(drawn: Drawn) -> None:
    tables = drawn(
        {
            "places/models.py": """
                from django.db import models


                class Place(models.Model):
                    name = models.CharField(max_length=50)


                class Restaurant(Place):
                    stars = models.IntegerField()


                class Known(Place):
                    class Meta:
                        proxy = True


                class Old(models.Model):
                    class Meta:
                        managed = False
                """
        }
    )
    assert set(tables) == {"places_place", "places_restaurant"}
    assert tables["places_restaurant"][0].startswith("place_ptr_id integer not null")
    assert "key (place_ptr_id)" in tables["places_restaurant"]
    assert "(place_ptr_id) -> places_place(id)" in tables["places_restaurant"]


def test_attributes_lead_to_columns_and_to_other_models(project: Read) -> None:
    read = project(
        {
            "shop/apps.py": """
                from django.apps import AppConfig


                class ShopConfig(AppConfig):
                    name = "shop"
                    label = "store"
                """,
            "shop/models.py": """
                from django.contrib.auth.models import AbstractUser
                from django.db import models


                class Money(models.DecimalField):
                    pass


                class Person(AbstractUser):
                    objects = models.Manager()
                    saved = Money(max_digits=9, decimal_places=2)


                class Visit(models.Model):
                    person = models.ForeignKey("Person", on_delete=models.CASCADE)
                """,
        }
    )
    person, visit = read.models
    assert (person.label, person.table, visit.table) == ("store.person", "store_person", "store_visit")
    found = visit.attribute("person")
    assert found is not None
    assert (found.column, found.target) == ("person_id", "store.person")
    assert person.definition is not None
    saved = person.definition.column("saved")
    assert saved is not None
    assert saved.type == "numeric(9, 2)"
    assert {"username", "password", "is_superuser"} <= {column.name for column in person.definition.columns}


def test_with_migrations_of_django_its_models_add_no_table(project: Read) -> None:
    read = project(
        {
            "shop/models.py": """
                from django.db import models


                class Visit(models.Model):
                    at = models.DateTimeField()
                """,
            "other/migrations/0001_initial.py": """
                from django.db import migrations, models


                class Migration(migrations.Migration):
                    dependencies = []
                    operations = [migrations.CreateModel("Thing", [("id", models.AutoField(primary_key=True))])]
                """,
        }
    )
    assert [table.name for table in read.tables] == ["other_thing"]
