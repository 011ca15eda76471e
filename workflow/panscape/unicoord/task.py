"""Training task for `fit`: optimisation step, validation and saved state."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from panscape.training.best import Best
from panscape.training.noise import Draws
from panscape.training.optimiser import AdamW
from panscape.training.state import load_optimiser_state, optimiser_state, with_prefix, without_prefix
from panscape.unicoord import losses
from panscape.unicoord.labels import Layout
from panscape.unicoord.module import Forward, Network
from panscape.unicoord.placed import PlacedCells
from panscape.unicoord.store import CompressedCounts
from panscape.unicoord.targets import Targets

_WARM_UP = 0.1  # fraction of the steps with rising learning rate
_NEIGHBOURS = 3  # number per cell drawn in a step for the diffusion term


def class_weights(targets: Targets, layout: Layout, power: float) -> dict[str, Tensor]:
    """Return per discrete label the weight of each class: its frequency to minus `power`, 1 on average.

    Parameters
    ----------
    targets
        Labels of the training cells.
    layout
        The labels.
    power
        0 weights cells equally, 1 classes equally.
    """
    weights = {}
    for at, label in enumerate(layout.discrete):
        class_codes = targets.codes[:, at]
        count = np.bincount(class_codes[class_codes >= 0], minlength=len(label.classes)).clip(1)
        weight = (count / count.sum()) ** -power
        weights[label.name] = torch.tensor(weight / (weight * count).sum() * count.sum(), dtype=torch.float32)
    return weights


class UniCoordTask:
    """Train a network on minibatches of cells.

    Parameters
    ----------
    network
        Initialised network on its device.
    loader
        Batches of training cells, see :mod:`panscape.unicoord.loader`.
    targets
        Labels of all cells.
    train
        Numbers of the training cells.
    held
        Expression of validation cells, and their numbers.
    steps
        Number of steps; the learning rate and the capacity depend on the fraction done.
    graph
        (training cells, neighbours) positions in the loader, for diffusion coordinates.
    """

    def __init__(
        self,
        network: Network,
        loader,
        targets: Targets,
        train: np.ndarray,
        held: tuple[CompressedCounts, np.ndarray],
        steps: int,
        graph: np.ndarray | None = None,
    ):
        self.network, self.steps, self.graph = network, steps, graph
        self.settings, self.layout = network.settings, network.layout
        self.device = network.centre.device
        self._held = held
        self.weights = {
            name: weight.to(self.device)
            for name, weight in class_weights(targets.rows(train), self.layout, self.settings.balance).items()
        }
        decay = [p for p in network.parameters() if p.ndim > 1]
        rest = [p for p in network.parameters() if p.ndim <= 1]
        self.optimiser = AdamW(
            [
                {"params": decay, "weight_decay": self.settings.weight_decay},
                {"params": rest, "weight_decay": 0.0},
            ],
            self.settings.learning_rate,
            fused=True,
        )
        self.cells = PlacedCells(loader, targets, self.layout, train, self.device)
        # with the projecting encoder, labels and the rest share no weights: each keeps its best ones
        self.best = {name: Best(self.settings.patience) for name in ("labels", "rest")}

    def _rate(self, number: int) -> float:
        """Return the learning rate: linear warm-up, then cosine decay to 0."""
        done = number / max(self.steps, 1)
        if self.settings.encoder == "genes":
            return self.settings.learning_rate
        if done < _WARM_UP:
            return self.settings.learning_rate * (done + 1 / max(self.steps, 1)) / _WARM_UP
        return (
            self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP)))
        )

    def _chance(self, shape: tuple[int, ...], probability: float) -> Tensor:
        """Return True with a probability, on the device."""
        if probability >= 1:
            return torch.ones(shape, dtype=torch.bool, device=self.device)
        return Draws.kept(shape, probability, self.device) == 0

    def step(self, number: int) -> dict[str, Tensor]:
        """Run one optimisation step."""
        self.network.train()
        x, code, given, class_codes, values = self.cells.at(number)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(number)
        # all labels of a cell are given to the decoder or none, since one is informative about another
        forced = given & self._chance((len(x), 1), self.settings.teacher_forcing)
        passed = self.network(x, code, forced, draw=True)
        terms = self.terms(x, passed, class_codes, values, number / max(self.steps, 1))
        terms |= self._extra(number, x, passed, code, given)
        loss = sum(getattr(self.settings.loss_weights, name) * term for name, term in terms.items())
        self.optimiser.zero_grad()
        # per gene, so that the size of gradients does not depend on the number of genes
        (loss / x.shape[1]).backward()
        self.optimiser.step()
        return {"total": loss.detach()} | {name: term.detach() for name, term in terms.items()}

    def terms(
        self, x: Tensor, passed: Forward, class_codes: Tensor, values: Tensor, done: float
    ) -> dict[str, Tensor]:
        """Return the terms that depend on a forward pass only.

        Parameters
        ----------
        x
            (B, G) expression.
        passed
            Output of the forward pass.
        class_codes, values
            Labels of the cells, see :class:`panscape.unicoord.targets.Targets`.
        done
            Fraction of the training that is done, 0 to 1.
        """
        settings, layout = self.settings, self.layout
        capacity = settings.capacity
        if capacity is not None:
            rise = settings.capacity_steps or settings.capacity_fraction * self.steps
            capacity *= min(1.0, done * self.steps / max(rise, 1e-9))
        terms = {
            "reconstruction": losses.reconstruction(
                x, passed.expression, self.network.noise, settings.fixed_noise
            )
        }
        terms["kl_continuous"] = losses.beyond(self._divergence(passed), capacity)
        shares = [functional.softmax(part, -1) for part in passed.logits.split(list(self.network.free), -1)]
        if settings.kl_supervised:
            vote = self.network.vote(passed.outputs)
            shares += [vote[:, layout.part(label.name)] for label in layout.discrete]
        if shares:
            maximum = sum(math.log(share.shape[-1]) for share in shares)
            limit = None if capacity is None else min(capacity, maximum)
            terms["kl_discrete"] = losses.beyond(losses.kl_discrete(shares), limit)
        terms |= losses.by_label(passed.outputs, layout, class_codes, values, self.weights, settings)
        return terms

    def _divergence(self, passed: Forward) -> Tensor:
        """Return the divergence of the continuous coordinates from their prior, nats per cell."""
        mean, log_variance = passed.mean, passed.log_variance
        if passed.value_log_variance is not None:
            count = len(self.layout.values)
            mean = torch.cat([passed.outputs.mean(0)[:, :count], mean], -1)
            log_variance = torch.cat([passed.value_log_variance, log_variance], -1)
        return losses.kl_continuous(mean, log_variance)

    def _extra(
        self, number: int, x: Tensor, passed: Forward, code: Tensor, given: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms that are computed in training only."""
        settings, terms = self.settings, {}
        if settings.clusters:
            free = passed.logits.split(list(self.network.free), -1)[: len(settings.clusters)]
            shares = [functional.softmax(part, -1) for part in free]
            terms["clustering"] = losses.clustering(self.network.features(x), shares)
        if settings.diffusion:
            terms["diffusion"] = self._diffusion(number, x, passed)
        if settings.independence == "hsic":
            terms["independence"] = losses.hsic(passed.mean, code, given) * x.shape[1]
        elif settings.independence == "adversary":
            term = losses.adversary(self.network.adversary, passed.mean, code, given, self.layout)
            terms["independence"] = term * x.shape[1]
        return terms

    def _diffusion(self, number: int, x: Tensor, passed: Forward) -> Tensor:
        """Return the error of cells decoded from their neighbours' unsupervised coordinates.

        Neighbours are drawn from a graph of true nearest neighbours and mixed by how near they are in the
        diffusion coordinates, which thereby learn the directions in which cells are interchangeable.
        """
        settings, network, graph = self.settings, self.network, self.graph
        assert graph is not None  # diffusion coordinates are trained with it
        positions = self.cells.positions(number)
        pick = torch.randint(graph.shape[1], (len(positions), _NEIGHBOURS)).numpy()
        near = graph[positions[:, None], pick].ravel()
        other = self.cells.expression(near)
        features = network.features(other)
        hidden = network.outputs(features)[1]
        labels = passed.labels.repeat_interleave(_NEIGHBOURS, 0)
        mean, log_variance, _, _ = network.posterior(features, hidden, labels)
        drawn = mean + Draws.normal(mean.shape, mean.device) * (0.5 * log_variance).exp()
        drawn = drawn.reshape(len(x), _NEIGHBOURS, -1)
        coordinates, neighbour_coordinates = (
            passed.mean[:, None, : settings.diffusion],
            mean.reshape(drawn.shape)[..., : settings.diffusion],
        )
        share = functional.softmax(-(coordinates - neighbour_coordinates).square().sum(-1), -1)
        decoded = network.decode(passed.labels, (share[..., None] * drawn).sum(1), passed.chosen)
        return losses.reconstruction(x, decoded, network.noise, settings.fixed_noise)

    @torch.no_grad()
    def validate(self, number: int) -> dict[str, Tensor]:
        """Return the loss terms of the validation cells, and save the weights if they are the best so far."""
        self.network.eval()
        cells, rows = self._held
        sums: dict[str, Tensor] = {}
        for part, block in cells.blocks():
            x, code, given, class_codes, values = self.cells.labelled(rows[part], block.toarray())
            passed = self.network(x, code, torch.zeros_like(given), draw=False)
            terms = self.terms(x, passed, class_codes, values, 1.0)
            # a discriminator's loss is not comparable between validations
            if self.settings.independence != "none":
                terms["independence"] = losses.hsic(passed.mean, code, given) * x.shape[1]
            # with a capacity the term of the loss is the distance from it, not the divergence
            terms["divergence"] = self._divergence(passed)
            terms["mse"] = (x - passed.expression.clamp(min=0)).square().mean()
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + term * len(x) / len(rows)
        self._keep(sums, cells.n_genes)
        return sums or {"criterion": torch.zeros(())}

    def _keep(self, sums: dict[str, Tensor], genes: int) -> None:
        """Add the stopping criteria to the held-out terms and save the best weights so far."""
        if not sums:
            return
        weights = self.settings.loss_weights
        labels = sum(
            sums[name] * getattr(weights, name) for name in ("classification", "regression", "hierarchy")
        )
        rest = weights.reconstruction * sums["reconstruction"] + weights.kl_continuous * sums["kl_continuous"]
        rest = rest + weights.independence * sums.get("independence", 0.0)
        if not self.network.projecting:
            labels = rest = labels + rest
        sums |= {"criterion_labels": labels, "criterion": rest / genes}
        state = self.network.state_dict()
        of_labels = {name: tensor for name, tensor in state.items() if name.startswith("ensemble")}
        self.best["labels"].update(labels, of_labels)
        self.best["rest"].update(
            rest, {name: tensor for name, tensor in state.items() if name not in of_labels}
        )

    def stop(self) -> bool:
        """Return whether validation has not improved for `patience` validations."""
        return not any(bool(best.active) for best in self.best.values())

    def state(self) -> dict[str, Tensor]:
        """Return weights, optimiser and the best weights so far."""
        return (
            with_prefix("network", self.network.state_dict())
            | with_prefix("optimiser", optimiser_state(self.optimiser))
            | with_prefix("labels", self.best["labels"].state())
            | with_prefix("rest", self.best["rest"].state())
        )

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore a saved state."""
        self.network.load_state_dict(without_prefix("network", tensors))
        load_optimiser_state(self.optimiser, without_prefix("optimiser", tensors))
        for name, best in self.best.items():
            best.load_state(without_prefix(name, tensors))

    def finish(self) -> None:
        """Load the best weights into the network."""
        best_weights = {name: tensor for best in self.best.values() for name, tensor in best.weights.items()}
        if best_weights:
            self.network.load_state_dict(best_weights)
        self.network.eval()
