"""Parts of an annotation by hand: unknown cells of scattered batches, values with intervals, classes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from panscape.unicoord import annotate
from panscape.unicoord.confidence import Nonconformity
from panscape.unicoord.labels import LabelInfo, Layout

TYPES = LabelInfo("type", "discrete", ("a", "b", "c"))
AGE = LabelInfo("age", "continuous", mean=10.0, sd=2.0)
LAYERS = LabelInfo("layer", "ordinal", ("I", "II", "IV"), positions=(1.0, 2.0, 4.0), mean=2.0, sd=0.5)
LAYOUT = Layout((AGE, LAYERS, TYPES))
INDEX = pd.Index(["c1", "c2", "c3"])


def model_of(**nonconformity):
    confidence = SimpleNamespace(
        nonconformity=nonconformity,
        width={"age": 1.5},
        probability=lambda layout, label, votes, linear: votes[:, layout.part(label.name)],
    )
    return SimpleNamespace(layout=LAYOUT, confidence=confidence)


@pytest.mark.parametrize(("cells", "measured"), [(49, False), (50, True)])
def test_a_scattered_batch_is_measured_by_its_own_scatter_if_it_has_fifty_cells(cells, measured):
    rng = np.random.default_rng(0)
    known = np.log((rng.normal(size=(2000, 5)) ** 2).sum(axis=1))
    level = np.array([np.quantile(known, 0.95)])
    model = model_of(type=Nonconformity(np.zeros((1, 5)), np.eye(5)[None], np.sort(known), level))
    batch, usual = 6 * rng.normal(size=(cells, 5)), rng.normal(size=(200, 5))
    groups = np.r_[np.zeros(cells, int), np.ones(200, int)]

    def encoded(features):
        return SimpleNamespace(
            features=features, votes=np.full((len(features), LAYOUT.width), 1 / 3), linear=None
        )

    score, unknown = annotate._unknown(model, TYPES, encoded(np.vstack([batch, usual])), groups)
    assert (unknown[:cells].mean() < 0.2) == measured and (unknown[:cells].mean() > 0.8) != measured
    assert unknown[cells:].mean() < 0.1 and ((score >= 0) & (score <= 1)).all()
    assert annotate._unknown(model, TYPES, encoded(batch), None)[1].mean() > 0.8
    score, unknown = annotate._unknown(model, AGE, encoded(batch), groups[:cells])
    assert np.isnan(score).all() and not unknown.any()


def predicted(label, votes):
    encoded, model = SimpleNamespace(votes=votes, linear=None), model_of()
    share = annotate._share(model, label, encoded, None, np.zeros(3, int))
    return pd.DataFrame(
        annotate._predicted(model, label, encoded, share, np.zeros(3), np.zeros(3, bool), INDEX)
    )


def test_values_have_intervals_and_ordered_classes_the_nearest_place():
    votes = np.zeros((3, LAYOUT.width))
    votes[:, LAYOUT.part("age")] = [[0.0], [1.0], [-2.0]]
    votes[:, LAYOUT.part("layer")] = [[-9.0], [1.9], [2.1]]
    votes[:, LAYOUT.part("type")] = [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]]
    table = predicted(AGE, votes)
    assert table["value"].tolist() == [10, 12, 6]
    assert table["lower"].tolist() == [8.5, 10.5, 4.5] and table["upper"].tolist() == [11.5, 13.5, 7.5]
    assert table["probability"].isna().all() and table["cell"].tolist() == list(INDEX)
    table = predicted(LAYERS, votes)  # places -2.5, 2.95 and 3.05
    assert table["value"].tolist() == ["I", "II", "IV"]
    assert table["lower"].isna().all()  # its width is unknown
    table = predicted(TYPES, votes)
    assert table["value"].tolist() == ["a", "c", "b"] and table["probability"].tolist() == [0.7, 0.6, 0.5]
    assert table["lower"].isna().all() and table["upper"].isna().all()
