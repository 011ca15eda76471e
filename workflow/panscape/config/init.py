"""Command line of `make init`: propose a configuration for files of counts."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from panscape.config.propose import propose


def main(arguments: list[str] | None = None) -> int:
    """Write the proposal to a new file, or to standard output, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m panscape.config.init", description="Propose a configuration for files of counts."
    )
    parser.add_argument("files", nargs="+", help="files or folders of counts, one per study")
    parser.add_argument("--collection", default="my-collection", help="name of the collection")
    parser.add_argument("--output", type=Path, help="file to write; it must not exist")
    given = parser.parse_args(arguments)
    if given.output and given.output.exists():
        sys.stderr.write(f"{given.output} exists and is not overwritten: give another name\n")
        return 1
    text = propose(given.files, given.collection)
    if given.output is None:
        sys.stdout.write(text)
    else:
        with open(given.output, "x", encoding="utf-8") as file:
            file.write(text)
        sys.stdout.write(f"{given.output}: check it, then run snakemake -n --configfile {given.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
