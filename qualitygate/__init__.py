"""In: a backend repository. Out: the architecture that is really there, held against rules, as a verdict."""

from typing import Final

__version__: Final = "0.1.0"
