"""What a checkout is made of."""

from collections.abc import Callable
from pathlib import Path

from qualitygate.discover.libraries import libraries

Make = Callable[..., Path]


def test_imports_are_counted_by_file_without_own_and_standard_modules(checkout: Make) -> None:
    root = checkout(
        {
            "shop/api.py": "import os\nimport flask\nfrom flask import request\n\ndef run():\n    from redis import Redis\n",
            "shop/models.py": "from shop.base import Base\nimport flask\n",
            "shop/base.py": "class Base: ...\n",
            "notes.md": "import django\n",
        }
    )
    assert libraries(root) == {"flask": 2, "redis": 1}
    assert libraries(root / "shop") == {"flask": 2, "redis": 1}


def test_tests_do_not_say_what_the_code_is_made_of(checkout: Make) -> None:
    assert libraries(checkout({"tests/test_api.py": "import pytest\n"})) == {}


def test_a_folder_outside_of_a_checkout_is_not_looked_through(tree: Make) -> None:
    assert libraries(tree({"api.py": "import flask\n"})) == {}
