"""Figures as data URIs, in the smaller of two forms that look alike on a screen."""

from __future__ import annotations

import base64
import io
import re
import struct

PNG_DPI = 200
COLOURS = 256  # of a palette

_LONG = re.compile(rb"-?\d+\.\d{3,}")
_COORDINATES = re.compile(rb'(?<= )(d|x|y|points)="[^"]*"')


def embedded(svg: bytes | None, png: bytes | None) -> tuple[str, int]:
    """Return a figure's data URI and its printed width in pixels.

    The PNG has 200 dots per inch, twice a screen's 96, and is reduced to a palette; the SVG is rounded to
    a hundredth of a point. The smaller one is taken.

    Parameters
    ----------
    svg, png
        The files' content; None if there is no such file.

    Raises
    ------
    ValueError
        If neither is given.

    Examples
    --------
    >>> embedded(b'<svg width="72pt" height="72pt"/>', None)[1]
    96
    """
    forms = []
    if png is not None:
        width = round(struct.unpack(">I", png[16:20])[0] / PNG_DPI * 96)
        forms.append(("png", with_palette(png), width))
    if svg is not None:
        forms.append(("svg+xml", rounded(svg), svg_width(svg)))
    if not forms:
        raise ValueError("neither an SVG nor a PNG was given")
    kind, data, width = min(forms, key=lambda form: len(form[1]))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}", width


def with_palette(png: bytes) -> bytes:
    """Return a PNG with a palette of at most 256 colours, or the PNG itself if that is not smaller."""
    from PIL import Image

    written = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        # every figure has an opaque background, so transparency is not lost; colours are chosen by their
        # range, since by their frequency the greys of thin lines would take the place of points' colours
        reduced = image.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    reduced.save(written, "PNG", optimize=True)
    return min(written.getvalue(), png, key=len)


def rounded(svg: bytes) -> bytes:
    """Return an SVG with coordinates of at most two decimals, its scales and angles as they are.

    Examples
    --------
    >>> rounded(b'<path d="M 1.23456 -2.00001" transform="scale(0.015625)"/>')
    b'<path d="M 1.23 -2" transform="scale(0.015625)"/>'
    """
    return _COORDINATES.sub(lambda found: _LONG.sub(_short, found[0]), svg)


def _short(found: re.Match[bytes]) -> bytes:
    text = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return b"0" if text == "-0" else text.encode()


def svg_width(svg: bytes) -> int:
    """Return the width of an SVG in pixels, 600 if it does not say."""
    width = re.search(rb'<svg[^>]*?\bwidth="([0-9.]+)(pt|px|in)?"', svg[:4000])
    if not width:
        return 600
    scale = {b"pt": 4 / 3, b"in": 96.0}.get(width[2] or b"px", 1.0)
    return round(float(width[1]) * scale)
