"""Baseline predictors: logistic regression, nearest neighbours and ridge regression.

They are fitted on log-normalised expression of training cells (CSR or dense) and predict the labels of other
cells; no dense matrix is larger than genes x genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from panscape import seeds
from panscape.data.labels import present
from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.pca import principal_components
from panscape.unicoord.evaluate import NEIGHBOURS

Matrix = Any  # dense array or sparse matrix, cells x genes
RIDGE_ALPHAS = tuple(10.0 ** np.arange(-1, 6))
_COVARIANCE_GENES = 3000  # maximum for components from the genes x genes matrix


class Training:
    """Training cells, whose sums of products are made once for several baselines on the same cells.

    Most of the time of a baseline goes into these sums.

    Parameters
    ----------
    matrix
        (n, G) log-normalised expression, or other features.

    Examples
    --------
    >>> train = Training(np.eye(3))
    >>> train[np.array([True, True, True])].co_sums() is train.co_sums()
    True
    """

    def __init__(self, matrix: Matrix):
        self.matrix = matrix
        self._rows = np.arange(matrix.shape[0])
        self._sums: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    @classmethod
    def of(cls, cells: Matrix | Training) -> Training:
        """Return cells as `Training`."""
        return cells if isinstance(cells, Training) else cls(cells)

    def __getitem__(self, rows: np.ndarray) -> Training:
        """Return some of the cells, in the order of `rows`, with the sums known so far."""
        part = Training(self.matrix[rows])
        part._rows, part._sums = self._rows[rows], self._sums
        return part

    def co_sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the means of the genes (G,) and the sums of products of their deviations (G, G)."""
        key = self._rows.tobytes()
        if key not in self._sums:
            self._sums[key] = _co_sums(self.matrix)
        return self._sums[key]


@dataclass(frozen=True)
class Components:
    """Principal components of training cells.

    Attributes
    ----------
    mean
        (G,) of the training cells.
    axes
        (d, G) orthonormal.
    """

    mean: np.ndarray
    axes: np.ndarray

    def scores(self, matrix: Matrix) -> np.ndarray:
        """Return (n, d) scores of cells (n, G)."""
        return np.asarray(matrix @ self.axes.T) - self.mean @ self.axes.T


@dataclass(frozen=True)
class Predicted:
    """Predicted classes.

    Attributes
    ----------
    classes
        K names.
    probability
        (n, K).
    """

    classes: np.ndarray
    probability: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """Return the most probable class of every cell."""
        return self.classes[self.probability.argmax(axis=1)]


def components(train: Matrix | Training, n_components: int = 50) -> Components:
    """Return the leading principal components of cells (n, G), up to min(n, G) - 1 (n - 1 for few genes)."""
    cells = Training.of(train)
    n, genes = cells.matrix.shape
    if genes > _COVARIANCE_GENES:
        matrix = sparse.csr_matrix(cells.matrix, dtype=np.float64)
        mean = np.asarray(matrix.mean(axis=0)).ravel()
        return Components(mean, principal_components(matrix, n_components, tolerance=0.0).axes.T)
    mean, products = cells.co_sums()
    vectors = symmetric_eigen(products, min(n_components, n - 1, genes))[1]
    return Components(mean, (vectors * signs(vectors)).T)


def _co_sums(train: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`Training.co_sums`."""
    if sparse.issparse(train):
        train = sparse.csr_matrix(train, dtype=np.float64)
    else:
        train = np.asarray(train, dtype=np.float64)
    mean = np.asarray(train.mean(axis=0), dtype=np.float64).ravel()
    products = train.T @ train
    products = products.toarray() if sparse.issparse(products) else products
    return mean, products - train.shape[0] * np.multiply.outer(mean, mean)


def label_baselines(
    train: Matrix | Training,
    labels: ArrayLike,
    test: Matrix,
    *,
    n_components: int = 50,
    neighbours: int = NEIGHBOURS,
    genes: bool = True,
) -> dict[str, Predicted]:
    """Predict classes with baseline classifiers.

    Parameters
    ----------
    train, test
        (n, G) and (m, G) log-normalised expression.
    labels
        (n,) classes; cells without one are left out.
    n_components, neighbours
        Number of principal components (of the training cells), and of neighbours in k-NN.
    genes
        Whether to include logistic regression on all genes.

    Returns
    -------
    ``logistic-pca``, ``logistic-genes``, ``knn-pca`` and ``majority`` -> prediction. Logistic regression has
    scikit-learn's default penalty.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    there = present(labels)
    learned, y = Training.of(train)[there], np.asarray(labels, dtype=object)[there].astype(str)
    names, count = np.unique(y, return_counts=True)
    share = np.broadcast_to(count / count.sum(), (test.shape[0], len(names)))
    predictions = {"majority": Predicted(names, share)}
    if len(names) < 2:
        return predictions
    pca = components(learned, n_components)
    train_scores, test_scores = pca.scores(learned.matrix), pca.scores(test)
    models = {
        "logistic-pca": (LogisticRegression(max_iter=1000), train_scores, test_scores),
        "knn-pca": (KNeighborsClassifier(min(neighbours, len(y))), train_scores, test_scores),
    }
    if genes:
        models["logistic-genes"] = (LogisticRegression(max_iter=300), learned.matrix, test)
    for name, (model, x, new) in models.items():
        model.fit(x, y)
        predictions[name] = Predicted(np.asarray(model.classes_, dtype=object), model.predict_proba(new))
    return predictions


def value_baselines(
    train: Matrix | Training,
    values: ArrayLike,
    test: Matrix,
    *,
    n_components: int = 50,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Predict a continuous label with baseline regressors.

    Parameters
    ----------
    train, test
        (n, G) and (m, G) log-normalised expression.
    values
        (n,) numbers in the label's unit; cells without one (NaN) are left out.
    n_components, neighbours
        Number of principal components, and of neighbours in k-NN.
    seed
        Seed of the split used to choose the ridge penalty.

    Returns
    -------
    ``ridge-genes``, ``ridge-pca``, ``knn-pca`` and ``mean`` -> (m,) predictions. The ridge penalty is chosen
    on a fifth of the training cells.
    """
    from sklearn.neighbors import KNeighborsRegressor

    numbers = np.asarray(values, dtype=np.float64)
    there = np.isfinite(numbers)
    learned, y = Training.of(train)[there], numbers[there]
    pca = components(learned, n_components)
    train_scores, test_scores = pca.scores(learned.matrix), pca.scores(test)
    near = KNeighborsRegressor(min(neighbours, len(y))).fit(train_scores, y)
    return {
        "ridge-genes": ridge(learned, y, test, seed=seed),
        "ridge-pca": ridge(train_scores, y, test_scores, seed=seed),
        "knn-pca": near.predict(test_scores),
        "mean": np.full(test.shape[0], y.mean()),
    }


def ridge(
    train: Matrix | Training,
    values: np.ndarray,
    test: Matrix,
    *,
    alphas: Sequence[float] = RIDGE_ALPHAS,
    seed: int = 0,
) -> np.ndarray:
    """Predict numbers by ridge regression with an intercept, the penalty chosen on a fifth of the cells.

    Only sums over cells are needed (genes x genes), so sparse matrices stay sparse. The penalty is on the
    squared coefficients of the features as they are: sum of squared errors + alpha |b|^2.

    Parameters
    ----------
    train, test
        (n, F) and (m, F) features, dense or CSR.
    values
        (n,) numbers to predict.
    alphas
        Penalties to choose from.
    seed
        Seed of the split.
    """
    cells, values = Training.of(train), np.asarray(values, dtype=np.float64)
    n = len(values)
    order = seeds.stream(seed, "ridge").permutation(n)
    inner, outer = order[n // 5 :], order[: n // 5]
    best = alphas[0]
    if len(outer) > 1 and len(alphas) > 1:
        guesses = _solve(cells[inner], values[inner], cells.matrix[outer], alphas)
        best = alphas[int(((guesses - values[outer]) ** 2).mean(axis=1).argmin())]
    return _solve(cells, values, test, [best])[0]


def _solve(train: Training, values: np.ndarray, test: Matrix, alphas: Sequence[float]) -> np.ndarray:
    """Return (len(alphas), m) ridge predictions."""
    mean, gram = train.co_sums()
    test = sparse.csr_matrix(test, dtype=np.float64) if sparse.issparse(test) else test
    moment = np.asarray(train.matrix.T @ (values - values.mean())).ravel()
    size, vectors = symmetric_eigen(gram)
    size, image = np.maximum(size, 0.0), vectors.T @ moment
    predictions = []
    for alpha in alphas:
        weight = vectors @ (image / (size + alpha))
        predictions.append(np.asarray(test @ weight).ravel() - mean @ weight + values.mean())
    return np.array(predictions)
