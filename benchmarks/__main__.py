"""Run the benchmarks: `python -m benchmarks --help`."""

from __future__ import annotations

import sys

try:
    from benchmarks.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"python -m benchmarks needs {error.name}: pip install 'aiozeromq[bench]'")

if __name__ == "__main__":
    sys.exit(main())
