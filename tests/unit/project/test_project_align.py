import numpy as np
import pytest
from scipy import sparse

from panscape.coscape.dictionary.coding import lasso_codes
from panscape.coscape.project.align import Reference, align_pairs, project_codes
from panscape.coscape.project.collection import match_genes
from panscape.errors import UserError


@pytest.fixture(scope="module")
def reference():
    """Four groups of twelve genes, each a network; panclusters mix some of them."""
    rng = np.random.default_rng(0)
    genes = np.array([f"G{i}" for i in range(60)], dtype=object)
    first, second = np.triu_indices(60, 1)
    group = np.repeat(np.arange(5), 12)
    same = (group[first] == group[second]) & (group[first] < 4)
    entries = np.zeros((4, len(first)))
    entries[group[first[same]], np.flatnonzero(same)] = rng.uniform(0.5, 1, same.sum())
    usage = np.where(rng.random((150, 4)) < 0.35, rng.uniform(0.5, 1, (150, 4)), 0)
    values = usage @ entries + 0.05 * rng.random((150, len(first)))
    entries /= np.linalg.norm(entries, axis=1)[:, None]
    values[values < 0.04] = 0
    study = np.repeat(["a", "b", "c"], 50)
    return Reference(
        sparse.csr_matrix(entries), sparse.csr_matrix(values), genes[first], genes[second], genes, study
    )


def test_codes_do_not_depend_on_the_order_of_pairs_and_ends(reference):
    order = np.random.default_rng(0).permutation(len(reference.gene_a))
    same = align_pairs(reference, reference.matrix, reference.gene_a, reference.gene_b, reference.genes)
    turned = align_pairs(
        reference,
        reference.matrix[:, order],
        reference.gene_b[order],
        reference.gene_a[order],
        reference.genes[::-1],
    )
    assert same.fraction == pytest.approx(1)
    codes = [project_codes(aligned, alpha=0.1)[0] for aligned in (same, turned)]
    np.testing.assert_allclose(*codes, atol=1e-7)
    dense = reference.entries.toarray()
    expected = lasso_codes(dense @ dense.T, reference.matrix @ dense.T, 0.1)
    for codes in project_codes(same, alpha=0.1):
        np.testing.assert_allclose(codes, expected, atol=1e-7)


def test_missing_genes_differ_from_missing_edges(reference):
    # the planted usage is found again when a fifth of the genes were not analysed
    inside = np.arange(60) % 5 > 0
    known = set(reference.genes[inside])
    columns = np.array(
        [a in known and b in known for a, b in zip(reference.gene_a, reference.gene_b, strict=True)]
    )
    new = reference.matrix[:, columns]
    ends = (reference.gene_a[columns], reference.gene_b[columns])
    part = align_pairs(reference, new, *ends, reference.genes[inside])
    assert 0.5 < part.fraction < 0.8
    whole = align_pairs(reference, reference.matrix, reference.gene_a, reference.gene_b, reference.genes)
    codes = [project_codes(a, alpha=0.1)[0] for a in (part, whole)]
    assert np.corrcoef(codes[0].ravel(), codes[1].ravel())[0, 1] > 0.95
    # if these genes were analysed but had no edge, usage is lower
    edges = align_pairs(reference, new, *ends, reference.genes)
    assert np.mean(project_codes(edges, alpha=0.1)[0]) < 0.85 * np.mean(codes[1])


def test_few_and_no_shared_genes(reference, caplog):
    a, b = np.array(["G0"], dtype=object), np.array(["G1"], dtype=object)
    one = sparse.csr_matrix(np.array([[0.5]]))
    aligned = align_pairs(reference, one, a, b, ["G0", "G1"])
    assert aligned.new.shape == (1, 1) and aligned.new[0, 0] == 0.5
    assert "2 of 60 reference genes" in caplog.text
    with pytest.raises(UserError, match="share 0 of the 60 genes"):
        align_pairs(reference, one, np.array(["x"]), np.array(["y"]), ["x", "y"])


def test_genes_of_a_study_are_those_of_the_reference_in_its_order(caplog):
    table = match_genes(["C", "A", "B", "D"], ["A", "C", "X"], "new")
    assert table["gene"].tolist() == ["C", "A", "B", "D"]
    assert table["selected"].tolist() == [True, True, False, False]
    match_genes(["C", "A", "B", "D", "E"], ["A", "C"], "new")
    assert "new has 2 of the 5 genes" in caplog.text
    with pytest.raises(UserError, match=r"study 'new': has 1 of the 3 genes .* has Aa, C \.\.\., .* A, B, C"):
        match_genes(["A", "B", "C"], ["Aa", "C"], "new")
