"""The image in which rules run under ``--sdm apptainer``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from panscape.errors import fail


def check_container(image: str, methods: Iterable[object]) -> None:
    """Refuse to start if the container image does not exist.

    Parameters
    ----------
    image
        The configuration's `container`: a file, or an address with ``://`` that apptainer pulls.
    methods
        How Snakemake was asked to provide software (``--sdm``); the image is used if apptainer is among them.

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
            "address of an image",
        )
