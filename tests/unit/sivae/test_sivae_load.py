import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sivae_cases import CLASSIC, made_bin, quick, trained

from panscape.errors import UserError
from panscape.sivae.job import load, train
from panscape.sivae.load import write_models
from panscape.sivae.readout import read_models
from panscape.sivae.values import Expression, ValueSettings, prepare_bin
from panscape.training.weights import write_weights

GENES = [f"g{at}" for at in range(30)]


@pytest.mark.parametrize("changes", [{}, CLASSIC, {"model": "sivae-linear"}, {"model": "vae"}])
@pytest.mark.parametrize("likelihood", ["gaussian", "nb"])
def test_models_read_from_a_file_are_those_written(tmp_path, changes, likelihood):
    known = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    bins = [made_bin("0", covariates=known, counts=True), made_bin("1", cells=40, seed=3, counts=True)]
    task, _ = trained(bins, quick(**changes, likelihood=likelihood))
    write_models(tmp_path / "weights", task, [Expression(b, None, None, None) for b in bins], GENES)
    models = load(tmp_path / "weights")
    assert list(models) == [("a", "0"), ("a", "1")]
    for at, (bin_, fitted) in enumerate(zip(bins, read_models(task), strict=True)):
        model = models[bin_.line, bin_.name]
        assert model.genes == tuple(GENES) and model.settings == task.settings
        scores, sd = model.embed(bin_.inputs, bin_.covariates)
        np.testing.assert_allclose(scores, fitted.scores, atol=1e-5)
        np.testing.assert_allclose(sd, fitted.scores_sd, atol=1e-5)
        if task.settings.gene_wise:
            np.testing.assert_allclose(model.loadings, fitted.loadings, atol=1e-6)
        totals = bin_.observed.sum(axis=1)
        made = model.reconstruct(scores, bin_.covariates, totals)[bin_.test]
        with torch.no_grad():
            genes = task.embed_genes()[0] if task.settings.gene_wise else None
            expected = task.predict(task.test.take(slice(None)), genes)[2].mean[at, : bin_.test.sum()].numpy()
        np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="covariates are"):
        models["a", "0"].embed(bins[0].inputs)
    with pytest.raises(UserError, match="outside of panscape"):
        models["a", "0"].scale(sparse.csr_matrix(bins[0].observed), bins[0].observed.sum(axis=1))


def test_cells_are_scaled_as_the_models_own_were(tmp_path):
    random = np.random.default_rng(0)
    drawn = random.poisson(2.0, (50, 30)).astype(np.float32)
    drawn[:, 0] = 0
    counts = sparse.csr_matrix(drawn)
    totals = np.asarray(counts.sum(axis=1)).ravel() + 100.0
    obs = pd.DataFrame({"sex": ["f", "m"] * 25}, index=[f"c{at}" for at in range(50)])
    log = counts.log1p()
    made = [
        prepare_bin("a", name, log, counts, obs, ValueSettings(regress=columns), 0)
        for name, columns in (("0", ()), ("1", ("sex",)))
    ]
    task, _ = train(made, quick(), 0)
    write_models(tmp_path / "weights", task, made, GENES)
    models = load(tmp_path / "weights")
    scaled = models["a", "0"].scale(counts, totals)
    np.testing.assert_allclose(scaled, made[0].bin.inputs, atol=1e-6)
    assert not scaled[:, 0].any()
    with pytest.raises(UserError, match="effects of sex"):
        models["a", "1"].scale(counts, totals)


def test_files_without_models_are_reported(tmp_path):
    write_weights(tmp_path / "other", {"x": torch.zeros(2)}, {"format": 9})
    (tmp_path / "text").write_text("no weights")
    for name in ("other", "text", "absent"):
        with pytest.raises(UserError, match="has no complete models"):
            load(tmp_path / name)
