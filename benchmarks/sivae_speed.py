"""CPU seconds per epoch of siVAE against a plain implementation, or the authors' port, on the same cells.

The plain one is a model of the published widths as its equations read: weights of all genes at every step of
128 cells, features of a gene its values in all cells, one Adam step per batch of a data loader. With
`--against PATH` a checkout of the authors' port takes its place (its code is imported from there, never
shipped). Each runs some steps; an epoch is steps x cells / batch. Held-out error after the given CPU seconds
says what the time buys. Last line: one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from panscape.sivae.baselines import pca
from panscape.sivae.bins import Bin
from panscape.sivae.readout import read_models
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.task import SivaeTask
from panscape.training.device import prepare
from panscape.training.distributions import normal_kl


def made_bin(cells: int, genes: int, modules: int = 20, seed: int = 0) -> Bin:
    """Return Poisson counts of modules of genes, a fifth of them unconnected; logged and scaled."""
    random = np.random.default_rng(seed)
    chosen = random.integers(modules, size=genes)
    weight = np.where(np.arange(genes) < 0.8 * genes, random.uniform(0.4, 0.9, genes), 0)
    rate = np.exp(random.normal(-0.5, 0.8, genes) + random.normal(size=(cells, modules))[:, chosen] * weight)
    logged = np.log1p(random.poisson(rate))
    test = np.zeros(cells, bool)
    test[: cells // 10] = True
    spread = logged[~test].std(axis=0)
    scaled = (logged - logged[~test].mean(axis=0)) / np.where(spread > 0, spread, 1)
    return Bin("made", "0", scaled.astype(np.float32), test)


def layers(widths: list[int], relus: int) -> nn.Sequential:
    """Return fully connected layers, with a ReLU after the first ones."""
    parts: list[nn.Module] = []
    for at, (before, after) in enumerate(pairwise(widths)):
        parts += [nn.Linear(before, after)] + [nn.ReLU()] * (at < relus)
    return nn.Sequential(*parts)


class Plain(nn.Module):
    """The published model, written down as its equations read."""

    def __init__(self, cells: int, genes: int, latent: int, hidden: list[int]):
        super().__init__()
        inner, back = len(hidden), [latent, *reversed(hidden)]
        self.cells, self.genes = layers([genes, *hidden], inner), layers([cells, *hidden], inner)
        self.cell_heads = nn.Linear(hidden[-1], 2 * latent)
        self.gene_heads = nn.Linear(hidden[-1], 2 * latent)
        self.decoder, self.gene_decoder = layers(back, inner - 1), layers(back, 1)
        self.bias, self.spread = nn.Parameter(torch.zeros(genes)), nn.Linear(hidden[0], 1)

    def forward(self, x: torch.Tensor, features: torch.Tensor, noisy: bool = True):
        """Return mean, spread, the linear reading and both divergences."""
        z, z_sd = self._posterior(self.cell_heads(self.cells(x)))
        v, v_sd = self._posterior(self.gene_heads(self.genes(features)))
        kl = [normal_kl(z, z_sd).sum(1).mean(), normal_kl(v, v_sd).sum()]
        if noisy:
            z, v = z + z_sd * torch.randn_like(z), v + v_sd * torch.randn_like(v)
        y = self.decoder(z)
        mean = y @ self.gene_decoder(v).T + self.bias
        return mean, functional.softplus(self.spread(y)) + 1e-3, z @ v.T + self.bias, kl

    @staticmethod
    def _posterior(heads: torch.Tensor):
        mean, sd = heads.chunk(2, dim=1)
        return mean, functional.softplus(sd) + 1e-3


def run_plain(bin_: Bin, latent: int, steps: int, hidden: list[int], batch: int) -> dict[str, float]:
    """Time some steps of the plain implementation."""
    torch.manual_seed(0)
    train = torch.from_numpy(bin_.inputs[~bin_.test])
    model = Plain(len(train), train.shape[1], latent, hidden)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(train), batch, shuffle=True, drop_last=True
    )
    done, spent = 0, 0.0
    while done < steps:
        for (x,) in loader:
            start = time.process_time()
            mean, sd, linear, (kl_cells, kl_genes) = model(x, train.T)
            loss = (0.5 * ((x - mean) / sd).square() + sd.log()).sum(1).mean()
            loss = loss + kl_cells + kl_genes / len(train) + 0.05 * (x - linear).square().sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            spent += time.process_time() - start if done else 0.0  # the first pays for the start
            done += 1
            if done == steps:
                break
    with torch.no_grad():
        x = torch.from_numpy(bin_.inputs[bin_.test])
        error = (x - model(x, train.T, noisy=False)[0]).square().mean().item()
    per_step = spent / (done - 1)
    return {
        "epoch_seconds": per_step * len(train) / batch,
        "step_seconds": per_step,
        "steps": done,
        "error": error,
    }


def run_port(path: str, bin_: Bin, latent: int, steps: int) -> dict[str, float]:
    """Time some steps of the authors' port, in a checkout that runs on a CPU: `panscape_step.py` in it does.

    That file (yours, beside the checkout's packages) has `steps(x, latent, count)` and returns CPU seconds
    per epoch and the error on the rows it is given as `test`.
    """
    sys.path.insert(0, path)
    import panscape_step

    return panscape_step.steps(bin_.inputs[~bin_.test], bin_.inputs[bin_.test], latent, steps)


def run_ours(bin_: Bin, latent: int, steps: int, hidden: list[int] | None, batch: int) -> dict[str, float]:
    """Time siVAE's steps; its start (principal components, features) is told apart."""
    widths = {"n_hidden": hidden} if hidden else {}
    settings = SivaeSettings(n_latent=latent, n_steps=(0, 0, steps), patience=0, batch_size=batch, **widths)
    start = time.process_time()
    task = SivaeTask([bin_], settings, 0, torch.device("cpu"))
    begun = time.process_time() - start
    task.step(0)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
    for number in range(1, steps):
        task.step(number)
    spent, after = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF)
    task.take_best()
    n = int((~bin_.test).sum())
    per_epoch = -(-n // settings.batch_size)
    error = read_models(task)[0].total("heldout")
    return {
        "epoch_seconds": spent / (steps - 1) * per_epoch,
        "step_seconds": spent / (steps - 1),
        "faults_per_step": (after.ru_minflt - before.ru_minflt) / (steps - 1),
        "system_share": (after.ru_stime - before.ru_stime) / spent,
        "start_seconds": begun,
        "steps": steps,
        "error": error,
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--latent", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--plain-steps", type=int, default=6)
    parser.add_argument("--hidden", type=int, nargs="+", help="widths of our model, and of the plain one")
    parser.add_argument("--batch", type=int, default=512, help="cells of a step of ours")
    parser.add_argument("--plain-batch", type=int, default=128)
    parser.add_argument("--against", help="a checkout of the authors' port")
    parser.add_argument("--only", choices=["ours", "other"])
    given = parser.parse_args()
    prepare(1)
    bin_ = made_bin(given.cells, given.genes)
    result: dict = {"cells": given.cells, "genes": given.genes, "latent": given.latent}
    result["null_error"] = float(np.square(bin_.inputs[bin_.test]).mean())
    plain = pca(bin_, given.latent).predict()
    result["pca_error"] = float(np.square(bin_.inputs - plain)[bin_.test].mean())
    if given.only != "other":
        result["ours"] = run_ours(bin_, given.latent, given.steps, given.hidden, given.batch)
        result["ours"]["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if given.only != "ours":
        if given.against:
            result["other"] = run_port(given.against, bin_, given.latent, given.plain_steps)
        else:
            hidden = given.hidden or [1024, 512, 128]
            result["other"] = run_plain(bin_, given.latent, given.plain_steps, hidden, given.plain_batch)
        result["other"]["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if given.only is None:
        result["ratio"] = result["other"]["epoch_seconds"] / result["ours"]["epoch_seconds"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
