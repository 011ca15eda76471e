import numpy as np
import pytest
import torch
from scipy import stats
from sivae_cases import CLASSIC, made_bin, quick, trained

from panscape.sivae.baselines import probabilistic_pca
from panscape.sivae.layers import inverse_softplus
from panscape.sivae.losses import gene_divergence
from panscape.sivae.module import normal
from panscape.sivae.readout import read_models, sample_cells
from panscape.sivae.task import SivaeTask
from panscape.training.checkpoint import Checkpoint
from panscape.training.loop import Plan, fit
from panscape.training.state import digest

CPU = torch.device("cpu")


def weights(task):
    return {name: tensor.clone() for name, tensor in task.module.state_dict().items()}


@pytest.mark.parametrize(
    "changes", [{}, CLASSIC, {"model": "sivae-linear"}, {"model": "vae"}, {"model": "vae-linear"}]
)
@pytest.mark.parametrize("likelihood", ["gaussian", "nb"])
def test_every_variant_trains_and_is_read(changes, likelihood):
    bin_ = made_bin(counts=True)
    task, history = trained([bin_], quick(**changes, likelihood=likelihood))
    result = read_models(task)[0]
    assert result.loadings.shape == (30, 4) and result.scores.shape == (60, 4)
    assert np.isfinite(result.loadings).all() and np.isfinite([row["value"] for row in history]).all()
    for split in ("train", "heldout"):
        assert result.error[split].shape == (30,) and (result.error[split] > 0).all()
    assert (result.centrality() <= 1).all()


@pytest.mark.parametrize("changes", [{}, CLASSIC])
def test_a_model_in_a_stack_is_the_model_alone(changes):
    settings = quick(**changes)
    bins = [
        made_bin(name, line, cells, seed=seed)
        for seed, (name, line, cells) in enumerate(
            [("0", "a", 60), ("half-a", "a", 30), ("0", "b", 75), ("1", "b", 75)]
        )
    ]
    together = read_models(trained(bins, settings)[0])
    for bin_, result in zip(bins, together, strict=True):
        alone = read_models(trained([bin_], settings)[0])[0]
        np.testing.assert_allclose(result.loadings, alone.loadings, atol=1e-5)
        np.testing.assert_allclose(result.scores, alone.scores, atol=1e-5)
        np.testing.assert_allclose(result.error["heldout"], alone.error["heldout"], atol=1e-5)


def test_small_steps_use_one_thread_whatever_the_job_has(monkeypatch):
    used = []
    monkeypatch.setattr("panscape.training.device.prepare", used.append)
    trained([made_bin(cells=60), made_bin(line="b", cells=20)], quick(), threads=2)
    # what a step reads: at most a batch of 32 cells of each line, of 30 genes
    monkeypatch.setattr("panscape.sivae.settings._THREADED", (32 + 20) * 30)
    trained([made_bin(cells=60), made_bin(line="b", cells=20)], quick(), threads=2)
    assert used == [1, 2]


def test_equal_seeds_give_equal_weights_and_another_does_not():
    digests = []
    for seed in (0, 0, 1):
        task, _ = trained([made_bin()], quick(), seed)
        digests.append(digest(*weights(task).values()))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("changes", [{}, CLASSIC])
@pytest.mark.parametrize("stopped", [5, 14])
def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path, changes, stopped):
    settings, bins = quick(**changes), [made_bin(), made_bin("1", seed=1)]
    whole, _ = trained(bins, settings)

    class Killed(Exception):
        pass

    first = SivaeTask(bins, settings, 0, CPU)
    checkpoint = Checkpoint(tmp_path, {"any": 1})
    step = first.step

    def until(number):
        if number == stopped:
            raise Killed
        return step(number)

    first.step = until
    plan = Plan(first.steps, settings.validate_every, checkpoint_seconds=0.0)
    with pytest.raises(Killed):
        fit(first, plan, seed=0, checkpoint=checkpoint)
    second = SivaeTask(bins, settings, 0, CPU)
    fit(second, plan, seed=0, checkpoint=checkpoint)
    second.take_best()
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, second.module.state_dict()[name]), name


def test_decoders_meet_in_a_dot_product_whatever_the_order_of_evaluation():
    task = SivaeTask([made_bin()], quick(**CLASSIC), 0, CPU)
    module = task.module
    y, v = torch.randn(1, 7, 16), torch.randn(1, 30, 4)
    explicit = y @ module.gene_weights(v)[0].transpose(-1, -2)
    torch.testing.assert_close(module.times_genes(y, v), explicit, atol=1e-5, rtol=1e-5)
    joined = SivaeTask([made_bin()], quick(), 0, CPU).module
    y = torch.randn(1, 7, 20)
    explicit = y @ joined.gene_weights(v)[0].transpose(-1, -2)
    torch.testing.assert_close(joined.times_genes(y, v), explicit, atol=1e-5, rtol=1e-5)


def test_the_start_with_a_shortcut_is_probabilistic_pca():
    bin_ = made_bin(cells=400)
    start = probabilistic_pca(bin_, 4)
    task = SivaeTask([bin_], quick(), 0, CPU)
    with torch.no_grad():
        v, _ = task.embed_genes()
        z, z_sd, observed = task.predict(task.train.take(slice(0, 320)), v)
    train = bin_.inputs[~bin_.test]
    np.testing.assert_allclose(v[0], start.loadings, atol=1e-4)
    np.testing.assert_allclose(z[0], train @ start.project, atol=1e-4)
    np.testing.assert_allclose(z_sd[0, 0], start.sd, atol=2e-3)
    np.testing.assert_allclose(observed.mean[0], train @ start.project @ start.loadings.T, atol=1e-4)
    # three planted factors, one dimension too many
    size = np.linalg.norm(start.loadings, axis=0)
    assert size[2] > 2 * size[3]


def test_small_lines_do_not_collapse():
    for cells in (40, 80):
        task, _ = trained([made_bin(cells=cells)], quick(n_steps=(0, 0, 100)))
        result = read_models(task)[0]
        assert result.total("heldout") < 0.8 * result.total("heldout", "null_error")


def test_terms_of_the_loss():
    x, mean, sd = (torch.rand(5) + 0.1 for _ in range(3))
    expected = stats.norm.logpdf(x, mean, sd) + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(normal(x, mean, sd), expected, rtol=1e-5)
    values = torch.tensor([0.01, 0.5, 3.0, 40.0])
    torch.testing.assert_close(torch.nn.functional.softplus(inverse_softplus(values)), values)
    terms = {}
    for form in ("squared", "half-squared"):
        task = SivaeTask([made_bin()], quick(**CLASSIC, interpretability=form), 0, CPU)
        terms[form] = task._cells(2, 0, 20)["interpretability"].item()
    assert terms["squared"] == pytest.approx(2 * terms["half-squared"])


def test_the_penalty_of_a_part_reaches_only_what_the_part_moves():
    task = SivaeTask([made_bin()], quick(**CLASSIC), 0, CPU)
    before = weights(task)
    for number in range(8):
        task.step(number)
    after = weights(task)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("gene"))
    for number in range(8, 16):
        task.step(number)
    last = weights(task)
    cells = [name for name in before if name.startswith(("cells", "decoder", "weights.", "bias"))]
    # Adam has moments of the cells' part, but no gradient: nothing moves
    assert cells and all(torch.equal(after[name], last[name]) for name in cells)


def test_elbo_and_mean_weigh_the_genes_divergence_as_they_say():
    result = {}
    for kind in ("elbo", "mean"):
        task = SivaeTask([made_bin(cells=50)], quick(**CLASSIC, kl_feature=kind), 0, CPU)
        v, sd = task.embed_genes()
        result[kind] = gene_divergence(v, sd, task.settings, task.count).item()
    assert result["mean"] * 30 == pytest.approx(result["elbo"] * 40, rel=1e-5)  # 40 training cells


def test_relevance_is_the_divergence_from_the_best_prior_of_each_dimension():
    task = SivaeTask([made_bin()], quick(gene_prior="relevance", kl_feature="mean"), 0, CPU)
    mean, sd = torch.randn(1, 30, 4), torch.rand(1, 30, 4) + 0.1
    result = gene_divergence(mean, sd, task.settings, task.count).item() * 30

    def divergence(width):
        posterior = torch.distributions.Normal(mean, sd)
        prior = torch.distributions.Normal(torch.zeros(4), width)
        return torch.distributions.kl_divergence(posterior, prior).sum().item()

    best = (mean.square() + sd.square()).mean((0, 1)).sqrt()
    assert result == pytest.approx(divergence(best), rel=1e-5)
    assert divergence(best * 1.1) > result and divergence(best * 0.9) > result


def test_covariates_reach_encoder_decoder_and_linear_reading():
    random = np.random.default_rng(0)
    known = np.eye(2, dtype=np.float32)[random.integers(2, size=60)]
    bins = [made_bin(covariates=known), made_bin("1", seed=1)]  # the other has none
    task, _ = trained(bins, quick(**CLASSIC))
    assert task.module.effects.shape == (2, 2, 30)
    assert task.module.effects[0].abs().sum() > 0 and task.module.effects[1].abs().sum() == 0
    alone, _ = trained(bins[1:], quick(**CLASSIC))
    np.testing.assert_allclose(read_models(task)[1].loadings, read_models(alone)[0].loadings, atol=1e-5)
    off, _ = trained(bins[:1], quick(**CLASSIC, covariate_term=False))
    assert not hasattr(off.module, "effects")


def test_patience_keeps_the_best_look():
    patient = {"patience": 2, "learning_rate": 0.02, "input_dropout": 0.0, "ema": 0.0, "anneal": False}
    task, history = trained([made_bin()], quick(n_steps=(0, 0, 120), **patient))
    looks = {}
    for row in history:
        if row["split"] == "heldout" and row["term"] in ("nll", "kl_cells"):
            looks[row["step"]] = looks.get(row["step"], 0) + row["value"]
    assert max(looks) < 120
    terms = task._validate(1, task.test)
    assert (terms["nll"] + terms["kl_cells"]).item() == pytest.approx(min(looks.values()), rel=1e-4)


def test_sampled_cells_are_means_without_noise():
    task, _ = trained([made_bin(), made_bin("1", seed=1)], quick())
    drawn = sample_cells(task, 1, 200)
    assert drawn.shape == (200, 30) and np.array_equal(drawn, sample_cells(task, 1, 200))
    result = read_models(task)[1]
    kept = np.linalg.matrix_rank(drawn - drawn.mean(0), tol=1e-2)
    assert kept <= 16 and result.loadings.shape == (30, 4)


def test_constant_genes_stay_out_of_the_way():
    bin_ = made_bin()
    bin_.inputs[:, 3] = 0
    task, _ = trained([bin_], quick())
    result = read_models(task)[0]
    assert np.isnan(result.centrality()[3]) and np.isfinite(np.delete(result.centrality(), 3)).all()


def test_counts_are_explained():
    task, _ = trained([made_bin(cells=200, counts=True)], quick(likelihood="nb", n_steps=(0, 0, 100)))
    result = read_models(task)[0]
    assert result.total("heldout") < 0.93 * result.total("heldout", "null_error")
    # the planted modules more than the genes of none
    assert result.centrality("heldout")[:24].mean() > result.centrality("heldout")[24:].mean() + 0.1
