"""Check of the container image for ``--sdm apptainer``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from panscape.errors import fail


def check_container(image: str, methods: Iterable[object]) -> None:
    """Check that the container image exists, if it is used.

    Parameters
    ----------
    image
        The configuration's `container`: a file, or a URL that apptainer pulls.
    methods
        Software deployment methods (``--sdm``); the image is used if apptainer is among them.

    Raises
    ------
    UserError
        If the image is a file that does not exist.
    """
    if "apptainer" in map(str, methods) and "://" not in image and not Path(image).is_file():
        raise fail(
            "container",
            f"there is no file {image} (looked for in {Path.cwd()})",
            "build it with `apptainer build panscape.sif apptainer.def`, or set container: to the file or "
            "URL of an image",
        )
