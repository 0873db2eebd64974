"""`python -m aiomq` is the command `aiomq`."""

from __future__ import annotations

import sys

from aiomq.cli import main

if __name__ == "__main__":
    sys.exit(main())
