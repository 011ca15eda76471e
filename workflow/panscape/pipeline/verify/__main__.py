"""Command line of `make verify` and of the target `verify`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from panscape.errors import UserError
from panscape.pipeline.verify.compare import TOLERANCE, compare
from panscape.pipeline.verify.records import verify
from panscape.pipeline.verify.table import compare_digests, kernels, made_with, write_digests


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 if all is well, 1 if not.

    Examples
    --------
    >>> import tempfile
    >>> main([tempfile.mkdtemp()])
    0 files are as they were written
    0
    """
    parser = argparse.ArgumentParser(
        prog="python -m panscape.pipeline.verify", description="Check result files, or compare two runs."
    )
    parser.add_argument("folder", type=Path, help="folder with results, e.g. results/demo")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--against", metavar="FOLDER", type=Path, help="compare with another run")
    asked.add_argument("--table", metavar="FILE", type=Path, help="compare with a published table of digests")
    asked.add_argument("--write-table", metavar="FILE", type=Path, help="write a table of digests")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="with --against: relative difference of numbers up to which files count as close (%(default)g)",
    )
    given = parser.parse_args(arguments)
    try:
        lines, good = _answer(given)
    except (UserError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0 if good else 1


def _answer(given: argparse.Namespace) -> tuple[list[str], bool]:
    if given.against:
        found = compare(given.folder, given.against, given.tolerance)
        return found.lines(), found.same
    if given.table:
        found = compare_digests(given.folder, given.table)
        made_on = made_with(given.table)
        lines = [f"table: {made_on}", f"here: {kernels()}", *found.lines()]
        if kernels() in made_on or not found.different:
            return lines, found.same
        # other kernels round in another order: only missing files are an error
        lines.append("The table was made with other kernels, so that last digits and digests may differ.")
        return lines, not found.only
    if given.write_table:
        number = write_digests(given.folder, given.write_table)
        return [f"{given.write_table}: digests of {number} files"], True
    checked = verify(given.folder)
    return checked.lines(), not checked.damaged


if __name__ == "__main__":
    sys.exit(main())
