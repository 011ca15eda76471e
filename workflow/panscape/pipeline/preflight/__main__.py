"""Command line of `make why FILE=...`: jobs that an edit of a file would rerun."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from panscape.config.load import load
from panscape.errors import UserError
from panscape.pipeline.preflight.why import why

ROOT = Path(__file__).resolve().parents[4]
DEMO = ROOT / "config/demo.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m panscape.pipeline.preflight")
    parser.add_argument(
        "--why", metavar="FILE", type=Path, required=True, help="the file that would be edited"
    )
    parser.add_argument("--configfile", type=Path, default=DEMO, help="configuration (default: demo)")
    given = parser.parse_args(arguments)
    try:
        raw = yaml.safe_load(given.configfile.read_text(encoding="utf-8"))
        config = load(raw, written={} if given.configfile.resolve() == DEMO else None)
        sys.stdout.write(why(ROOT, given.why, config))
    except (UserError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
