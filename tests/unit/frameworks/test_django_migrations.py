"""Django's migrations: what their operations do to PostgreSQL, and the order in which they are applied."""

from collections.abc import Mapping
from textwrap import dedent, indent

from qualitygate.extract.python import read_python
from qualitygate.link import link
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.schema import Operation, OperationKind, Table
from qualitygate.model.source import Language, Role, Text

Kind = OperationKind


def migration(operations: str, *, follows: str = "[]", more: str = "", before: str = "") -> str:
    """A migration with these operations."""
    inner = indent(dedent(operations).strip(), "        ")
    return (
        "from django.conf import settings\nfrom django.db import migrations, models\n"
        f"{dedent(before)}\n\nclass Migration(migrations.Migration):\n    dependencies = {follows}\n"
        f"{indent(dedent(more), '    ')}\n    operations = [\n{inner}\n    ]\n"
    )


def linked(files: Mapping[str, str]) -> Project:
    """The project of these Python files."""
    return link(
        [
            FileFacts(
                path,
                Language.PYTHON,
                Role.MIGRATION if "/migrations/" in path else Role.APPLICATION,
                **read_python(path, Text.of(content)).facts(),
            )
            for path, content in files.items()
        ]
    )


def project(*steps: str, **others: str) -> Project:
    """Migrations of the application `shop` with these operations, one following the other."""
    files = {
        f"shop/migrations/{number:04}_step.py": migration(
            operations, follows=f'[("shop", "{number - 1:04}_step")]' if number > 1 else "[]"
        )
        for number, operations in enumerate(steps, 1)
    }
    return linked({**files, **others})


def after(*steps: str) -> dict[str, Table]:
    """The tables that they leave."""
    found = project(*steps)
    assert not found.unread
    return {table.full_name: table for table in found.tables}


def last_step(*steps: str) -> list[Operation]:
    """What the last of them does."""
    (history,) = project(*steps).histories
    return [change.operation for change in history.migrations[-1].changes]


SHOP = """
migrations.CreateModel(
    name="Customer",
    fields=[
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
        ("email", models.EmailField(max_length=254, unique=True)),
        ("born", models.DateField(null=True)),
        ("visits", models.PositiveIntegerField(default=0)),
    ],
),
migrations.CreateModel(
    name="Order",
    fields=[
        ("number", models.CharField(max_length=12, primary_key=True, serialize=False)),
        ("customer", models.ForeignKey(on_delete=models.CASCADE, to="shop.customer")),
        ("owner", models.OneToOneField(on_delete=models.CASCADE, to=settings.AUTH_USER_MODEL)),
        ("slug", models.SlugField()),
        ("parts", models.ManyToManyField(to="shop.Customer", related_name="+")),
    ],
    options={
        "db_table": "orders",
        "unique_together": {("customer", "slug")},
        "indexes": [models.Index(fields=["-slug", "customer"], name="orders_slug")],
    },
),
"""


def test_a_model_is_a_table_with_the_columns_of_its_fields() -> None:
    tables = after(SHOP)
    assert sorted(tables) == ["orders", "orders_parts", "shop_customer"]
    assert [(column.name, column.type, column.nullable) for column in tables["shop_customer"].columns] == [
        ("id", "bigint", False),
        ("email", "varchar(254)", False),
        ("born", "date", True),
        ("visits", "integer", False),
    ]
    assert [check.mentions for check in tables["shop_customer"].checks] == [("visits",)]
    orders = tables["orders"]
    assert [(column.name, column.type) for column in orders.columns] == [
        ("number", "varchar(12)"),
        ("customer_id", "bigint"),
        ("owner_id", "integer"),
        ("slug", "varchar(50)"),
    ]
    assert orders.primary_key == ("number",)
    assert [(key.columns, key.references_table, key.references_columns) for key in orders.foreign_keys] == [
        (("customer_id",), "shop_customer", ("id",)),
        (("owner_id",), "auth_user", ("id",)),
    ]


def test_fields_bring_their_indexes_along() -> None:
    orders = after(SHOP)["orders"]
    assert sorted((index.columns, index.unique, index.name.endswith("_like")) for index in orders.indexes) == [
        (("customer_id",), False, False),
        (("customer_id", "slug"), True, False),
        (("number",), False, True),
        (("owner_id",), True, False),
        (("slug",), False, False),
        (("slug",), False, True),
        (("slug", "customer_id"), False, False),
    ]


def test_indexes_and_keys_have_the_names_that_django_gives() -> None:
    # taken from a database that Django made
    tables = after(
        """
        migrations.CreateModel(
            name="Member",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("user", models.ForeignKey(to=settings.AUTH_USER_MODEL, on_delete=models.CASCADE)),
            ],
            options={"db_table": "accounts_member"},
        ),
        """
    )
    member = tables["accounts_member"]
    assert [index.name for index in member.indexes] == ["accounts_member_user_id_b994c8b6"]
    assert [key.name for key in member.foreign_keys] == ["accounts_member_user_id_b994c8b6_fk_auth_user_id"]


def test_a_table_between_two_models_has_a_key_of_its_own() -> None:
    parts = after(SHOP)["orders_parts"]
    assert [column.name for column in parts.columns] == ["id", "order_id", "customer_id"]
    assert [column.type for column in parts.columns][1:] == ["varchar(12)", "bigint"]
    assert parts.primary_key == ("id",)
    assert [key.references_table for key in parts.foreign_keys] == ["orders", "shop_customer"]


def test_an_added_column_has_its_default_for_the_moment_only() -> None:
    added = 'migrations.AddField("customer", "plan", models.CharField(default="free", max_length=9)),'
    assert [(each.kind, each.default) for each in last_step(SHOP, added)] == [
        (Kind.ADD_COLUMN, "'free'"),
        (Kind.DROP_DEFAULT, None),
    ]
    assert after(SHOP, added)["shop_customer"].columns[-1].default is None


def test_a_foreign_key_without_a_default_is_no_scan_but_an_index() -> None:
    found = last_step(
        SHOP,
        """
        migrations.AddField(
            model_name="customer",
            name="friend",
            field=models.ForeignKey(null=True, on_delete=models.CASCADE, to="self"),
        ),
        """,
    )
    assert [(each.kind, each.inline) for each in found] == [
        (Kind.ADD_COLUMN, False),
        (Kind.ADD_FOREIGN_KEY, True),
        (Kind.CREATE_INDEX, False),
    ]


def test_an_altered_field_does_what_differs() -> None:
    def kinds(field: str, name: str = "born") -> list[Kind]:
        return [each.kind for each in last_step(SHOP, f'migrations.AlterField("customer", "{name}", {field}),')]

    assert kinds("models.DateField(null=True, help_text='x', verbose_name='y')") == []
    assert kinds("models.DateField(default=date.today)") == [Kind.UPDATE, Kind.SET_NOT_NULL]
    assert kinds("models.DateTimeField(null=True, db_index=True)") == [Kind.SET_TYPE, Kind.CREATE_INDEX]
    assert kinds("models.DateField(null=True, db_column='birthday')") == [Kind.RENAME_COLUMN]
    assert kinds("models.EmailField(max_length=99)", "email") == [
        Kind.DROP_CONSTRAINT,
        Kind.DROP_INDEX,
        Kind.SET_TYPE,
    ]
    assert kinds("models.IntegerField()", "visits") == [Kind.DROP_CONSTRAINT]


def test_renamed_models_and_fields_take_their_tables_and_columns_along() -> None:
    tables = after(
        SHOP,
        """
        migrations.RenameModel("Customer", "Client"),
        migrations.RenameField("order", "customer", "client"),
        migrations.RemoveField("order", "owner"),
        migrations.AlterModelTable("order", None),
        migrations.RemoveIndex("order", "orders_slug"),
        """,
    )
    assert sorted(tables) == ["shop_client", "shop_order", "shop_order_parts"]
    assert [column.name for column in tables["shop_order"].columns] == ["number", "client_id", "slug"]
    assert [key.references_table for key in tables["shop_order"].foreign_keys] == ["shop_client"]
    assert [column.name for column in tables["shop_order_parts"].columns] == ["id", "order_id", "client_id"]


def test_what_happens_to_the_state_alone_is_not_done_to_the_database() -> None:
    tables = after(
        SHOP,
        """
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL("CREATE INDEX born_idx ON shop_customer (born)", migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.AddIndex("customer", models.Index(fields=["born"], name="born_idx")),
                migrations.RemoveField("customer", "visits"),
            ],
        ),
        """,
        'migrations.RenameIndex("customer", new_name="by_birth", old_name="born_idx"),',
    )
    assert [index.name for index in tables["shop_customer"].indexes][-1] == "by_birth"
    assert tables["shop_customer"].column("visits") is not None


def test_constraints_with_conditions_are_unique_indexes() -> None:
    customer = after(
        SHOP,
        """
        migrations.AddConstraint("customer", models.UniqueConstraint(fields=("born",), name="one_birth")),
        migrations.AddConstraint(
            "customer",
            models.UniqueConstraint(condition=models.Q(("born__isnull", False)), fields=("visits",), name="some"),
        ),
        migrations.AddConstraint("customer", models.CheckConstraint(check=models.Q(visits__lt=9), name="few")),
        """,
    )["shop_customer"]
    assert [(index.name, index.constraint, index.partial, index.mentions) for index in customer.indexes[-2:]] == [
        ("one_birth", True, False, ()),
        ("some", False, True, ("born", "is", "not", "null")),
    ]
    assert [check.name for check in customer.checks][-1] == "few"


def test_models_that_django_does_not_keep_have_no_table() -> None:
    assert not after(
        """
        migrations.CreateModel("View", [("id", models.AutoField(primary_key=True))], {"managed": False}),
        migrations.AddField("view", "name", models.TextField()),
        """
    )


def test_a_squashed_migration_takes_the_place_of_what_it_replaces() -> None:
    files = {
        "shop/migrations/0001_initial.py": migration(SHOP),
        "shop/migrations/0002_more.py": migration(
            'migrations.AddField("customer", "a", models.TextField(null=True)),', follows='[("shop", "0001_initial")]'
        ),
        "shop/migrations/0001_squashed_0002_more.py": migration(
            SHOP, more='replaces = [("shop", "0001_initial"), ("shop", "0002_more")]'
        ),
        "shop/migrations/0003_last.py": migration(
            'migrations.AddField("customer", "b", models.TextField(null=True)),', follows='[("shop", "0002_more")]'
        ),
    }
    (history,) = linked(files).histories
    assert [each.version for each in history.migrations] == ["shop.0001_squashed_0002_more", "shop.0003_last"]


def test_migrations_of_several_applications_follow_their_dependencies() -> None:
    files = {
        "billing/migrations/0001_initial.py": migration("", follows='[("users", "0002_more")]'),
        "users/migrations/0001_initial.py": migration(""),
        "users/migrations/0002_more.py": migration("", follows='[("users", "0001_initial")]', more="atomic = False"),
        "catalogue/migrations/0001_initial.py": migration(
            "", follows="[migrations.swappable_dependency(settings.AUTH_USER_MODEL)]"
        ),
        "config/settings.py": 'AUTH_USER_MODEL = "users.User"\n',
    }
    (history,) = linked(files).histories
    assert [(each.version, each.transaction) for each in history.migrations] == [
        ("users.0001_initial", "wrapped"),
        ("users.0002_more", "none"),
        ("billing.0001_initial", "wrapped"),
        ("catalogue.0001_initial", "wrapped"),
    ]


def test_an_application_may_have_a_label_that_is_not_its_folder() -> None:
    files = {
        "apps/shop_app/apps.py": 'from django.apps import AppConfig\n\nclass Shop(AppConfig):\n    label = "shop"\n',
        "apps/shop_app/migrations/0001_initial.py": migration(SHOP),
    }
    assert "shop_customer" in {table.name for table in linked(files).tables}


def test_what_is_not_told_is_named() -> None:
    found = project("migrations.RunSQL(open('more.sql').read()),\nAddBloomFilter('x'),\nmigrations.RunPython(fill),")
    assert [unread.reason for unread in found.unread] == [
        "the SQL of RunSQL is not told by this file",
        "the operation AddBloomFilter is not known",
    ]
