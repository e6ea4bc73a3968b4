"""``python -m mailserver CONFIG``: what ``citymail serve`` becomes once it has read the command line.

A new program in the same process: what the commands needed is not carried along by those who serve for months.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mailserver.config import load
from mailserver.processes import serve


def main() -> None:
    try:
        serve(load(Path(sys.argv[1])))
    except OSError as fault:
        sys.exit(f"Error: {fault}")


if __name__ == "__main__":
    main()
