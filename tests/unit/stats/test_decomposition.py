"""Eigen and singular decompositions hold what they promise, whatever the solvers beneath return."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
from scipy import sparse

import panscape
from panscape.stats import decomposition, singular
from panscape.stats.decomposition import DecompositionError, leading_eigen, signs, symmetric_eigen

PACKAGE = Path(panscape.__file__).parent


def equal_cells(n):
    """Return the normalised graph of cells that are all alike: one eigenvalue 1, all others coincide."""
    return 0.5 * (np.eye(n) + (1 - np.eye(n)) / (n - 1))


def with_spectrum(values, seed=0):
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    return (basis * values) @ basis.T


def check(matrix, values, vectors, k, tolerance=1e-9):
    assert values.shape == (k,) and vectors.shape == (len(matrix), k)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-9)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=tolerance)
    assert (np.diff(values) <= 1e-12).all()


@pytest.mark.parametrize("n", [3, 90, 200, 350, 700])
@pytest.mark.parametrize("k", [1, 2, 10, 50])
def test_coinciding_eigenvalues_give_all_the_vectors_asked_for(n, k):
    matrix, k = equal_cells(n), min(n, k)
    expected = np.append(1.0, np.full(k - 1, 0.5 * (1 - 1 / (n - 1))))
    for values, vectors in (symmetric_eigen(matrix, k), leading_eigen(sparse.csr_matrix(matrix), k)):
        check(matrix, values, vectors, k)
        np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize("values", [[5, 3, 3, 3, 1, 0, 0, -2], [4, 4, 4, 4], [2, 1, 1 - 1e-13, 0.5]])
def test_the_basis_of_coinciding_values_hangs_on_their_space_alone(values):
    values = np.array(values, dtype=float)
    matrix = with_spectrum(values)
    expected = symmetric_eigen(matrix)[1]
    noise = 1e-15 * np.random.default_rng(1).standard_normal(matrix.shape)
    for k in (1, 2, 3, len(values)):
        part = symmetric_eigen(matrix, k)[1]
        check(matrix, values[:k], part, k)
        np.testing.assert_allclose(part, expected[:, :k], atol=1e-10)
    kept = np.abs(values) > 0
    single = [
        at for at, value in enumerate(values) if (np.abs(values - value) < 1e-9).sum() == 1 and kept[at]
    ]
    shaken = symmetric_eigen(matrix + noise + noise.T)[1]
    turn = np.where(np.isin(np.arange(len(values)), single), signs(shaken) * signs(expected), 1)
    np.testing.assert_allclose((shaken * turn)[:, kept], expected[:, kept], atol=1e-9)


def test_equals_lapack_and_arpack_where_they_do_well():
    matrix = with_spectrum(np.linspace(3, -2, 640) ** 3)
    reference = np.linalg.eigvalsh(matrix)
    for by, expected in (
        ("value", reference[::-1][:12]),
        ("size", np.sort(reference[np.argsort(-np.abs(reference))[:12]])[::-1]),
    ):
        for below in (0, 1000):
            values, vectors = leading_eigen(sparse.csr_matrix(matrix), 12, by=by, dense_below=below)
            check(matrix, values, vectors, 12, tolerance=1e-7)
            np.testing.assert_allclose(values, expected, atol=1e-8)
    np.testing.assert_allclose(decomposition.symmetric_eigenvalues(matrix), reference[::-1], atol=1e-11)
    with pytest.raises(ValueError, match="by is 'x'"):
        leading_eigen(sparse.csr_matrix(matrix), 3, by="x")


def test_of_opposite_eigenvalues_the_positive_one_comes_first():
    matrix = sparse.csr_matrix(with_spectrum(np.array([2.0, 1.0, 0.3, -1.0])))
    np.testing.assert_allclose(leading_eigen(matrix, 2, by="size")[0], [2, 1], atol=1e-12)


def failing(*arguments, **options):
    raise np.linalg.LinAlgError("did not converge")


def fewer(values, vectors):
    return lambda *arguments, **options: (values[:3], vectors[:, :3])


@pytest.mark.parametrize("fault", ["raises", "fewer", "nan", "wrong"])
def test_a_fast_solver_that_fails_is_replaced(monkeypatch, fault):
    matrix = with_spectrum(np.linspace(5, 0.1, 200))
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1], vectors[:, ::-1]
    bad = {
        "raises": failing,
        "fewer": fewer(values, vectors),
        "nan": lambda *a, **o: (values[10::-1], np.full((200, 11), np.nan)),
        "wrong": lambda *a, **o: (values[10::-1], vectors[:, 11:22]),
    }[fault]
    real = scipy.linalg.eigh
    monkeypatch.setattr(
        scipy.linalg, "eigh", lambda *a, **o: bad() if "subset_by_index" in o else real(*a, **o)
    )
    check(matrix, *symmetric_eigen(matrix, 10), 10)
    monkeypatch.setattr(np.linalg, "eigh", failing)
    check(matrix, *symmetric_eigen(matrix, 10), 10)
    monkeypatch.setattr(np.linalg, "eigvalsh", failing)
    np.testing.assert_allclose(decomposition.symmetric_eigenvalues(matrix), values, atol=1e-10)
    monkeypatch.setattr(scipy.linalg, "eigh", failing)
    with pytest.raises(DecompositionError, match="200 x 200"):
        symmetric_eigen(matrix, 10)


@pytest.mark.parametrize("fault", ["stops", "fewer"])
def test_lanczos_iterations_that_fail_get_a_wider_subspace_then_a_dense_solver(monkeypatch, fault):
    matrix = sparse.csr_matrix(with_spectrum(np.linspace(5, 0.1, 600)))
    real, widths = scipy.sparse.linalg.eigsh, []

    def bad(*arguments, ncv, **options):
        widths.append(ncv)
        values, vectors = real(*arguments, ncv=ncv, **options)
        if fault == "stops":
            raise scipy.sparse.linalg.ArpackNoConvergence("No convergence", values[:2], vectors[:, :2])
        return values[:2], vectors[:, :2]

    monkeypatch.setattr(scipy.sparse.linalg, "eigsh", bad)
    check(matrix.toarray(), *leading_eigen(matrix, 5), 5)
    assert widths == [20, 40, 80]
    monkeypatch.setattr(decomposition, "DENSE_FALLBACK", 100)
    with pytest.raises(DecompositionError, match="5 leading eigenvectors of 600 rows do not converge"):
        leading_eigen(matrix, 5)


def test_what_cannot_be_decomposed_is_told_with_its_place():
    matrix = np.eye(4)
    matrix[2, 1] = np.nan
    for call in (
        lambda: symmetric_eigen(matrix),
        lambda: decomposition.symmetric_eigenvalues(matrix),
        lambda: leading_eigen(matrix, 2),
        lambda: singular.singular(matrix),
        lambda: singular.least_squares(matrix, np.ones(4)),
        lambda: singular.pseudo_inverse(matrix),
    ):
        with pytest.raises(
            ValueError, match=r"1 of 16 values to decompose are not finite, the first at \(2, 1\)"
        ):
            call()
    with pytest.raises(ValueError, match="1 of 4 values"):
        leading_eigen(sparse.csr_matrix(np.diag([1, 2, np.inf, 3])), 2)
    with pytest.raises(ValueError, match="2 x 3"):
        symmetric_eigen(np.ones((2, 3)))
    with pytest.raises(ValueError, match="nothing to decompose"):
        singular.leading_singular(sparse.csr_matrix(np.ones((1, 5))), 3)


def test_empty_and_small_matrices():
    assert symmetric_eigen(np.zeros((0, 0)))[1].shape == (0, 0)
    assert symmetric_eigen(np.eye(3), 0)[1].shape == (3, 0)
    np.testing.assert_allclose(leading_eigen(sparse.csr_matrix([[4.0]]), 5)[0], [4])
    assert signs(np.zeros((3, 2))).tolist() == [1, 1] and signs(np.zeros((0, 2))).tolist() == [1, 1]
    left, values, right = singular.singular(np.zeros((5, 3, 0)))
    assert left.shape == (5, 3, 0) and values.shape == (5, 0) and right.shape == (5, 0, 0)


def test_signs_do_not_hang_on_rounding_between_equal_sizes():
    vectors = np.array([[-0.5, 0.1], [0.5 + 1e-12, -0.9], [0.5, 0.2]])
    assert signs(vectors).tolist() == [-1, -1]


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (4, 9, 3)])
def test_singular_values_are_numpys_also_by_the_robust_solver(shape, monkeypatch):
    matrix = np.random.default_rng(2).standard_normal(shape)
    expected = np.linalg.svd(matrix, compute_uv=False)
    for _ in range(2):
        left, values, right = singular.singular(matrix)
        np.testing.assert_allclose(values, expected, atol=1e-10)
        np.testing.assert_allclose((left * values[..., None, :]) @ right, matrix, atol=1e-10)
        monkeypatch.setattr(np.linalg, "svd", failing)
    monkeypatch.setattr(scipy.linalg, "svd", failing)
    with pytest.raises(DecompositionError):
        singular.singular(matrix)


def test_coinciding_singular_values_have_one_basis():
    rng = np.random.default_rng(3)
    left, right = (np.linalg.qr(rng.standard_normal((n, 5)))[0] for n in (20, 12))
    matrix = (left * [3, 2, 2, 2, 1]) @ right.T
    first = singular.singular(matrix)
    again = singular.singular(matrix + 1e-15 * rng.standard_normal(matrix.shape))
    np.testing.assert_allclose((first[0] * first[1]) @ first[2], matrix, atol=1e-12)
    for one, other in zip((first[0][:, 1:4], first[2][1:4]), (again[0][:, 1:4], again[2][1:4]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("shape", [(60, 25), (25, 60)])
@pytest.mark.parametrize("centred", [False, True])
def test_leading_singular_values_of_a_sparse_matrix(shape, centred, monkeypatch):
    matrix = sparse.random_array(shape, density=0.3, rng=np.random.default_rng(4), format="csr")
    centre = matrix.mean(axis=0) if centred else None
    dense = matrix.toarray() - (0 if centre is None else centre)
    expected = np.linalg.svd(dense, compute_uv=False)[:6]
    result = []
    for _ in range(2):
        result.append(singular.leading_singular(matrix, 6, centre=centre, tolerance=0))
        left, values, right = result[-1]
        np.testing.assert_allclose(values, expected, atol=1e-9)
        np.testing.assert_allclose(dense @ right.T, left * values, atol=1e-8)
        np.testing.assert_allclose(left.T @ left, np.eye(6), atol=1e-9)

        def stops(*arguments, **options):
            raise scipy.sparse.linalg.ArpackNoConvergence("No convergence", [], [])

        monkeypatch.setattr(scipy.sparse.linalg, "svds", stops)
    np.testing.assert_allclose(result[0][0], result[1][0], atol=1e-7)
    monkeypatch.setattr(singular, "DENSE_FALLBACK", 10)
    with pytest.raises(DecompositionError, match="do not converge"):
        singular.leading_singular(matrix, 6)


def test_least_squares_and_inverse_of_a_design_without_full_rank(monkeypatch):
    rng = np.random.default_rng(5)
    design = rng.standard_normal((12, 3)) @ rng.standard_normal((3, 5))
    wanted = rng.standard_normal((12, 2))
    expected = np.linalg.pinv(design, rcond=1e-12) @ wanted
    np.testing.assert_allclose(singular.least_squares(design, wanted), expected, atol=1e-10)
    np.testing.assert_allclose(singular.pseudo_inverse(design[:, :3]) @ design[:, :3], np.eye(3), atol=1e-10)
    monkeypatch.setattr(np.linalg, "lstsq", failing)
    np.testing.assert_allclose(singular.least_squares(design, wanted), expected, atol=1e-10)


SOLVERS = re.compile(
    r"eig|eigh|eigs|eigsh|eigvals|eigvalsh|eigh_tridiagonal|lobpcg|svd|svds|svdvals|svd_lowrank|pca_lowrank"
    r"|lstsq|pinv|pinvh|matrix_rank|cond|randomized_svd|TruncatedSVD|PCA|IncrementalPCA|SparsePCA|KernelPCA"
    r"|SpectralClustering|SpectralEmbedding|spectral_embedding_|diffmap"
)


def test_nothing_else_in_the_library_calls_a_solver():
    allowed = {PACKAGE / "stats/decomposition.py", PACKAGE / "stats/singular.py"}
    result, looked = [], 0
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.attr] if isinstance(node, ast.Attribute) else []
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] != "panscape":
                names += [alias.name for alias in node.names]
            hits = [name for name in names if SOLVERS.fullmatch(name)]
            looked += bool(hits)
            if path not in allowed:
                result += [f"{path.relative_to(PACKAGE)}:{node.lineno}: {name}" for name in hits]
    assert not result, "use panscape.stats.decomposition or .singular"
    assert looked > 5  # the search itself works


def test_pseudo_inverses_are_numpys_also_where_the_fast_solver_fails(monkeypatch):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20, 3, 5))
    x[5:10, 2] = x[5:10, 1]  # of rank two
    x[3] = 0
    matrices = x @ x.transpose(0, 2, 1)
    expected = np.linalg.pinv(matrices, rcond=1e-10, hermitian=True)
    np.testing.assert_allclose(decomposition.symmetric_pseudo_inverses(matrices), expected, atol=1e-9)
    whole = np.linalg.eigh

    def fails(stack):
        if np.ndim(stack) > 2:
            raise np.linalg.LinAlgError("did not converge")
        return whole(stack)

    monkeypatch.setattr(np.linalg, "eigh", fails)
    np.testing.assert_allclose(decomposition.symmetric_pseudo_inverses(matrices), expected, atol=1e-9)
    with pytest.raises(ValueError, match="not finite"):
        decomposition.symmetric_pseudo_inverses(np.full((1, 2, 2), np.nan))
