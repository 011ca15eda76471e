"""Labels of points do not overprint each other."""

import numpy as np
import pandas as pd

from panscape.plot.sivae import _genes_panel
from panscape.plot.style import new_figure, style


def test_names_of_crowded_genes_are_thinned():
    rng = np.random.default_rng(0)
    crowd = np.r_[rng.normal((1, 1), 0.005, (10, 2)), [[-1, 0.5], [0.4, -1]], rng.normal(0, 0.05, (40, 2))]
    names = pd.Index([f"GENE{at:02d}" for at in range(len(crowd))])
    with style():
        fig = new_figure(3.5, 3)
        ax = fig.subplots()
        _genes_panel(ax, crowd, names, {})
        fig.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.texts]
    shown = {text.get_text() for text in ax.texts}
    assert {"GENE10", "GENE11"} <= shown and len(shown & set(names[:10])) == 1
    assert not any(a.overlaps(b) for at, a in enumerate(boxes) for b in boxes[:at])
