import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from panscape.plot.palette import OKABE_ITO, categorical
from panscape.plot.style import legend_outside, new_figure, save_figure, style


def drawn():
    with style():
        fig = new_figure(3, 2)
        ax = fig.add_subplot()
        ax.scatter([1, 2, 3], [3, 1, 2], label="points")
        ax.set_xlabel("time (days)")
        legend_outside(ax, *ax.get_legend_handles_labels(), title="what")
    return fig


def test_import_is_light_and_leaves_settings_alone():
    code = (
        "import panscape.plot, sys; assert 'matplotlib' not in sys.modules and 'anndata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "workflow"})


def test_style_is_undone_even_after_an_error():
    before = dict(matplotlib.rcParams)
    with pytest.raises(RuntimeError), style():
        assert matplotlib.rcParams["svg.hashsalt"] == "panscape"
        raise RuntimeError
    assert dict(matplotlib.rcParams) == before


def test_style_ignores_the_users_settings(tmp_path):
    plain = save_figure(drawn(), tmp_path / "a")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "none"}):
        odd = save_figure(drawn(), tmp_path / "b")
    assert [path.read_bytes() for path in plain] == [path.read_bytes() for path in odd]


def test_equal_figures_are_equal_files(tmp_path):
    first, second = (
        save_figure(drawn(), tmp_path / name, formats=("png", "svg", "pdf")) for name in ("a", "b")
    )
    assert [path.name for path in first] == ["a.png", "a.svg", "a.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert b"<dc:date>" not in first[1].read_bytes()
    assert b"CreationDate" not in first[2].read_bytes()


def test_stem_may_carry_a_suffix_and_keeps_its_dots(tmp_path):
    assert [path.name for path in save_figure(drawn(), tmp_path / "qc.svg")] == ["qc.png", "qc.svg"]
    assert save_figure(drawn(), tmp_path / "r0.1", formats=("png",))[0].name == "r0.1.png"


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match="gif"):
        save_figure(drawn(), tmp_path / "a", formats=("gif",))
    assert list(tmp_path.iterdir()) == []


def test_legend_lies_outside_the_axes():
    fig = drawn()
    fig.canvas.draw()
    ax = fig.axes[0]
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def linear(hexadecimal):
    value = np.array([int(hexadecimal[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


# Viénot, Brettel and Mollon 1999, in linear RGB: what a protanope and a deuteranope see
SEEN = {
    "normal": np.eye(3),
    "protan": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "deutan": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}


def lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    xyz = np.clip(xyz / [0.9505, 1.0, 1.089], 0, None)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", SEEN)
def test_colours_stay_apart_for_every_reader(kind):
    seen = [lab(SEEN[kind] @ linear(colour)) for colour in OKABE_ITO]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(gaps) > 10  # CIE76; 2.3 is just noticeable


def test_categorical_keeps_looks_distinct_up_to_its_limit():
    values = [f"type {i}" for i in range(24)]
    looks, codes = categorical(values)
    assert len({(look.colour, look.marker) for look in looks}) == 24
    assert [looks[code].label for code in codes] == values


def test_categorical_pools_the_rarest():
    values = ["common"] * 5 + [f"rare {i:02d}" for i in range(30)] + [None, ""]
    looks, codes = categorical(values, limit=4)
    assert [look.label for look in looks] == ["common", "rare 00", "rare 01", "other (28 labels)"]
    assert (codes[-2:] == -1).all()
    assert (codes[8:35] == 3).all()


def test_categorical_does_not_depend_on_the_order_of_points():
    values = [f"t{i % 40}" for i in range(100)]
    forth, _ = categorical(values)
    back, _ = categorical(values[::-1])
    assert forth == back


def test_numbers_are_sorted_by_size():
    assert [look.label for look in categorical([10, 1, 2])[0]] == ["1", "2", "10"]


def test_no_labels_at_all():
    looks, codes = categorical([None, np.nan, ""])
    assert looks == []
    assert (codes == -1).all()


def test_one_layout_for_all_formats_is_that_of_savefig(tmp_path):
    def two_axes():
        with style():
            fig = new_figure(3, 2)
            left, right = fig.subplots(1, 2)
            left.set(ylabel="a long label\nof two lines", title="left")
            right.plot([1e5, 3e6], [0, 1], label="line")
            right.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return fig

    fig = two_axes()
    engine, dpi = fig.get_layout_engine(), fig.dpi
    save_figure(fig, tmp_path / "ours", formats=("png", "svg"))
    assert (fig.get_layout_engine(), fig.dpi) == (engine, dpi)
    with style():
        two_axes().savefig(
            tmp_path / "plain.png", dpi=200, bbox_inches="tight", pad_inches=0.04, metadata={"Software": None}
        )
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
    width = float(re.search(r'width="([\d.]+)pt"', (tmp_path / "ours.svg").read_text())[1])
    with Image.open(tmp_path / "ours.png") as image:
        assert width == pytest.approx(image.width / 200 * 72, abs=0.5)
