"""Linear classifiers on the genes, which vote beside the ensemble, and the classes' mean expression."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from panscape.unicoord.calibrate import clipped_log, fit_temperature, log_losses, softmax
from panscape.unicoord.labels import Layout
from panscape.unicoord.targets import Targets

MAX_CELLS = 5000  # maximum number of training cells of a linear classifier
_SHARES = (0.25, 0.5, 0.75)  # of the linear classifier: neither vote is ever left out
_MIN_CELLS = 20  # labelled validation cells needed to choose the share
_TEMPERATURES = (1.0, 10.0)  # a vote that is right in all of a few cells is not sharpened
_STEPS = 100  # of the optimiser, after which predictions hardly change


@dataclass(frozen=True)
class Head:
    """A linear classifier of a discrete label and how its vote counts.

    Attributes
    ----------
    weight, bias
        (G, K) and (K,): logits of the classes from normalised expression.
    factors
        (2,): factors of the logarithm of the ensemble's probability and of the linear logits in their sum.
    centres
        (K, G) mean normalised expression of the classes' training cells.
    """

    weight: np.ndarray
    bias: np.ndarray
    factors: np.ndarray
    centres: np.ndarray

    def logits(self, votes: np.ndarray, linear: np.ndarray) -> np.ndarray:
        """Return the logits (n, K) of both votes together."""
        return self.factors[0] * clipped_log(votes) + self.factors[1] * linear


def fit_heads(layout: Layout, x: sparse.csr_matrix, targets: Targets) -> dict[str, Head]:
    """Fit a linear classifier per discrete label that is not a sum of another one's classes.

    Logistic regression with the penalty |b|^2 / 2 on normalised expression. It follows shifts between batches
    more steadily than networks do, which know the training batches better.

    Parameters
    ----------
    layout
        The labels.
    x
        (n, G) normalised expression of training cells.
    targets
        Their labels.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    heads = {}
    for at, label in enumerate(layout.discrete):
        code = targets.codes[:, at]
        rows = np.flatnonzero(code >= 0)
        found = np.unique(code[rows])
        if label.name in layout.tables or len(found) < 2:
            continue
        with warnings.catch_warnings():  # it is stopped early on purpose
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(max_iter=_STEPS).fit(x[rows], code[rows])
        weight, bias = model.coef_, model.intercept_
        if len(found) == 2:  # scikit-learn gives the log odds of the second class alone
            weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        whole, offset = np.zeros((x.shape[1], label.width)), np.full(label.width, bias.min() - 10)
        whole[:, found], offset[found] = weight.T, bias
        member = sparse.csr_matrix((np.ones(len(rows)), (code[rows], rows)), shape=(label.width, x.shape[0]))
        number = np.bincount(code[rows], minlength=label.width).clip(1)[:, None]
        centres = (member @ x).toarray() / number
        parts = (whole, offset, np.array([0.5, 0.5]), centres)
        heads[label.name] = Head(*(part.astype(np.float32) for part in parts))
    return heads


def weigh_heads(
    heads: Mapping[str, Head], layout: Layout, votes: np.ndarray, linear: np.ndarray, targets: Targets
) -> dict[str, Head]:
    """Choose how the two votes are weighted, on validation cells.

    Both are brought to the same sharpness by temperature scaling. The share of the linear classifier is 1/2,
    or 1/4 or 3/4 if that lowers the negative log-likelihood by more than its standard error: neither vote is
    left out because of a few cells.

    Parameters
    ----------
    heads
        As :func:`fit_heads` made them.
    layout
        The labels.
    votes, linear
        (n, labels) the ensemble's probabilities and the linear logits of validation cells.
    targets
        Their labels.
    """
    weighed = dict(heads)
    for at, label in enumerate(layout.discrete):
        code, part = targets.codes[:, at], layout.part(label.name)
        rows = code >= 0
        if label.name not in heads or rows.sum() < _MIN_CELLS:
            continue
        code, two = code[rows], (clipped_log(votes[rows, part]), linear[rows, part])
        sharp = [1 / fit_temperature(logits, code, bounds=_TEMPERATURES) for logits in two]
        choices = [((1 - share) * sharp[0], share * sharp[1]) for share in _SHARES]
        loss = np.array([log_losses(softmax(a * two[0] + b * two[1]), code) for a, b in choices])
        best, even = int(loss.mean(axis=1).argmin()), _SHARES.index(0.5)
        gain = loss[even] - loss[best]
        chosen = best if gain.mean() > gain.std() / len(gain) ** 0.5 else even
        factors = np.array(choices[chosen], dtype=np.float32)
        weighed[label.name] = replace(heads[label.name], factors=factors)
    return weighed


def linear_map(heads: Mapping[str, Head], layout: Layout, n_genes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (G, labels) and offsets (labels,) of all classifiers; 0 for other labels."""
    weight, bias = np.zeros((n_genes, layout.width), np.float32), np.zeros(layout.width, np.float32)
    for name, head in heads.items():
        weight[:, layout.part(name)], bias[layout.part(name)] = head.weight, head.bias
    return weight, bias
