"""In: ``python -m qualitygate`` with arguments. Out: the exit code of the command ``qgate``."""

import sys

from qualitygate.cli import main

if __name__ == "__main__":
    sys.exit(main())
