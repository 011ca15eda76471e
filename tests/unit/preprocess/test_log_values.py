import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config import cross
from panscape.data.counts import Counts
from panscape.data.readers.integers import check_logged
from panscape.errors import UserError
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings


def blocks(values):
    yield slice(0, len(values)), sparse.csr_matrix(values.astype(np.float32))


def run(values, path, **options):
    obs = pd.DataFrame(index=[f"c{at}" for at in range(len(values))])
    genes = pd.Index([f"g{at}" for at in range(values.shape[1])], dtype=object)
    settings = QcSettings(min_genes=0, max_mito=1, min_cells_per_gene=0)
    return qc(blocks(values), obs, genes, path, settings, study="s", **options)


def test_log_values_come_back_by_log1p(tmp_path):
    values = np.log1p(np.random.default_rng(0).gamma(1.0, 3.0, (6, 5)))
    values[0, 0] = 0
    with pytest.raises(UserError, match="fractional values"):
        run(values, tmp_path / "refused.h5ad")
    run(values, tmp_path / "counts.h5ad", logged=True)
    result = Counts(tmp_path / "counts.h5ad").select().toarray()
    np.testing.assert_allclose(np.log1p(result), values, rtol=1e-5)
    assert result[0, 0] == 0


@pytest.mark.parametrize(
    ("value", "text"), [(np.nan, "NaN"), (-1.0, "negative"), (400.0, "highest value is 400")]
)
def test_what_is_no_logarithm_is_refused(value, text):
    with pytest.raises(UserError, match=text):
        check_logged(np.array([1.5, value]), "studies[0].values")


def test_log_values_are_for_the_gaussian_model_only():
    study = {"id": "a", "values": "log", "use": ["landscape", "sivae"]}
    problems = list(cross.logged({"sivae": {"likelihood": "nb"}}, [(0, study)]))
    assert [problem.where for problem in problems] == ["studies[0].values", "sivae.likelihood"]
    assert not list(cross.logged({"sivae": {"likelihood": "gaussian"}}, [(0, study | {"use": ["sivae"]})]))
