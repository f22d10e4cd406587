"""In: ``python -m qualitygate`` with arguments. Out: the exit code of the command ``qgate``."""

import sys

if __name__ == "__main__":
    # Python put the current directory first: the tree to be scanned, from which nothing may be imported.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    from qualitygate.cli import main

    sys.exit(main())
