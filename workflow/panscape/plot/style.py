"""Common style of all figures, applied within a context."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panscape.data.files import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

SINGLE = 3.5
"""Width of a one-column figure, inches (89 mm)."""
DOUBLE = 7.2
"""Width of a full-page figure, inches (183 mm)."""
GREY = "#b8b8b8"
"""Colour of points without a value."""
INK = "#262626"
"""Colour of text and axes."""

LEGEND_ROWS = 16  # maximum number of rows of a legend column
RASTER_ABOVE = 1500  # number of points above which markers are rasterised to limit file size
_DPI = 200
_PAD = 0.04  # around a figure, inches
_RC = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib, so that every machine draws the same glyphs
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 6.0,
    "axes.labelsize": 8.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#6b6b6b",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "xtick.color": "#6b6b6b",
    "ytick.color": "#6b6b6b",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 7.0,
    "legend.title_fontsize": 7.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.borderaxespad": 0.0,
    "legend.labelspacing": 0.35,
    "lines.linewidth": 1.0,
    "patch.linewidth": 0.0,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": _DPI,
    "svg.fonttype": "path",  # independent of installed fonts
    "svg.hashsalt": "panscape",  # fixed identifiers, for reproducible files
    "pdf.fonttype": 42,  # editable text
    "image.composite_image": False,
}
_NO_DATES = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Apply the style within the block, independently of the caller's settings."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def halo(width: float = 1.4) -> list[Any]:
    """Return path effects that set text off from lines and points behind it: a white outline (points)."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="white")]


def new_figure(width: float = DOUBLE, height: float = 4.0) -> Figure:
    """Return an empty figure (inches) with constrained layout that needs no display.

    Call it, and draw, inside :func:`style`.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(
    fig: Figure, stem: str | Path, *, formats: Sequence[str] = ("png", "svg"), dpi: int = _DPI
) -> list[Path]:
    """Write a figure as ``<stem>.<format>`` for each format, atomically and reproducibly.

    Parameters
    ----------
    fig
        The figure, drawn inside :func:`style`.
    stem
        Path without suffix; the suffix of a written format is removed.
    formats
        Any of png, svg and pdf.
    dpi
        Resolution of the PNG and of rasterised parts of the others.

    Returns
    -------
    The files written, in the order of `formats`.

    Raises
    ------
    ValueError
        For a format that is not one of the three.

    Examples
    --------
    >>> import tempfile
    >>> with style():
    ...     fig = new_figure(2, 2)
    ...     _ = fig.add_subplot().plot([0, 1], [0, 1])
    >>> [path.name for path in save_figure(fig, Path(tempfile.mkdtemp()) / "line", formats=("svg",))]
    ['line.svg']
    """
    unknown = sorted(set(formats) - set(_NO_DATES))
    if unknown:
        raise ValueError(f"figure formats are {sorted(_NO_DATES)}, not {unknown}")
    stem = Path(stem)
    if stem.suffix[1:] in _NO_DATES:
        stem = stem.with_suffix("")
    written = []
    with style(), _arranged(fig, dpi) as box:
        for kind in formats:
            path = stem.with_name(f"{stem.name}.{kind}")
            with atomic(path) as scratch:
                fig.savefig(scratch, format=kind, dpi=dpi, metadata=_NO_DATES[kind], bbox_inches=box)
            written.append(path)
    return written


@contextlib.contextmanager
def _arranged(fig: Figure, dpi: int) -> Iterator[Bbox]:
    """Lay out a figure once for all formats, and return the box around what is drawn (inches).

    `savefig` would lay it out, and draw it without output, for every format: half of the time of a figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    engine, before = fig.get_layout_engine(), fig.dpi
    fig.dpi = dpi
    try:
        renderer = FigureCanvasAgg(fig).get_renderer()
        if engine is not None:
            engine.execute(fig)
        box = fig.get_tightbbox(renderer).padded(_PAD)
        fig.set_layout_engine(None)
        yield box
    finally:
        fig.dpi = before
        fig.set_layout_engine(engine)


def plain_text(text: str) -> str:
    """Escape a name for matplotlib, where a dollar sign starts a formula."""
    return str(text).replace("$", r"\$")


def legend_outside(ax: Axes, handles: Sequence, labels: Sequence[str], *, title: str = "") -> None:
    """Put a legend to the right of the axes, in as many columns as its length needs.

    Parameters
    ----------
    ax
        Axes that the legend belongs to.
    handles, labels
        As matplotlib takes them.
    title
        Title of the legend.
    """
    if not handles:
        return
    columns = 1 + (len(handles) - 1) // LEGEND_ROWS
    legend = ax.legend(
        handles,
        [plain_text(label) for label in labels],
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        ncols=columns,
        alignment="left",
    )
    legend.get_title().set_fontweight("bold")


def colorbar_outside(fig: Figure, ax: Axes, mappable, label: str):
    """Put a slim colour bar to the right of the axes and return it.

    Parameters
    ----------
    fig, ax
        Figure and axes.
    mappable
        Mappable of the colours.
    label
        Label of the bar.
    """
    shrink = min(max(2.0 / fig.get_figheight(), 0.45), 0.95)  # about two inches, whatever the figure's height
    bar = fig.colorbar(mappable, ax=ax, shrink=shrink, aspect=30 * shrink, pad=0.02, anchor=(0.0, 1.0))
    bar.outline.set_visible(False)
    bar.set_label(label)
    return bar


def empty_figure(text: str) -> Figure:
    """Return a figure with a line of text instead of content."""
    with style():
        fig = new_figure(DOUBLE, 0.8)
        ax = fig.add_subplot()
        ax.set_axis_off()
        ax.text(0, 0.5, text, va="center")
    return fig
