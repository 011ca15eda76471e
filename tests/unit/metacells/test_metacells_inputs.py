"""A multiome in the files that programs write, and the same cells under other names."""

import anndata
import numpy as np
import pandas as pd
import pytest
from multiome_cases import folder_of, tenx, written
from scipy import sparse

from panscape.coem.multiome import check_peaks, peaks_of, read_paired
from panscape.coem.pair import read_pair
from panscape.config.studies import located
from panscape.data import h5mu
from panscape.data.counts import CountsWriter
from panscape.data.readers.barcodes import Rule, suggestion
from panscape.data.readers.check import check_study
from panscape.data.readers.genes import gene_map
from panscape.data.readers.metadata import cell_table
from panscape.data.readers.open import open_source
from panscape.errors import UserError

RNG = np.random.default_rng(5)
CORES = ["".join(RNG.choice(list("ACGT"), 12)) for _ in range(40)]
CELLS = [f"{core}-1" for core in CORES]
GENES = [f"G{i}" for i in range(6)]
PEAKS = [f"chr1:{1000 * i}-{1000 * i + 500}" for i in range(1, 9)]
RNA = sparse.csr_matrix(RNG.poisson(2.0, (40, 6)).astype(np.float32))
ATAC = sparse.csr_matrix(RNG.poisson(1.5, (40, 8)).astype(np.float32))
BOTH = sparse.csr_matrix(sparse.hstack([RNA, ATAC]))


def data(values, names, cells=CELLS, **var):
    return anndata.AnnData(values, obs=pd.DataFrame(index=list(cells)), var=pd.DataFrame(var, index=names))


def counts(folder, cells=CELLS):
    with CountsWriter(folder / "counts.h5ad", 6) as writer:
        writer.append(RNA)
        writer.finish(pd.DataFrame(index=list(cells)), pd.DataFrame(index=GENES))
    return folder / "counts.h5ad"


def arc(path):
    lines = [f"ENSG{i:011d}\t{name}\tGene Expression\tchr1\t{i}000\t{i}001" for i, name in enumerate(GENES)]
    lines += [f"{peak}\t{peak}\tPeaks\t" + peak.replace(":", "\t").replace("-", "\t") for peak in PEAKS]
    return folder_of(path, "\n".join(lines) + "\n", BOTH, CELLS)


def multiome(path):
    return tenx(path, BOTH, CELLS, [*GENES, *PEAKS], ["Gene Expression"] * 6 + ["Peaks"] * 8)


def both(path, **var):
    return data(BOTH, [*GENES, *PEAKS], **var).write_h5ad(path)


def is_whole(sample):
    assert sample.obs.index.tolist() == CELLS and sample.peaks.index.tolist() == PEAKS
    assert (sample.atac != ATAC).nnz == 0 and (sample.rna != RNA).nnz == 0
    assert sample.peaks.loc[PEAKS[2], ["chrom", "start", "end"]].tolist() == ["chr1", 3000, 3500]


# where the peaks may be


def test_a_folder_of_cellranger_arc(tmp_path):
    study = {"id": "s", "path": arc(tmp_path / "filtered_feature_bc_matrix")}
    sample = read_paired(study, counts(tmp_path))
    is_whole(sample)
    assert sample.genes.loc["G3", ["chrom", "tss"]].tolist() == ["chr1", 3000]
    assert sample.genes.loc["G3", "alias"] == "ENSG00000000003"
    assert check_peaks(study, pd.Index(CELLS), "studies[0]").index.tolist() == PEAKS
    assert open_source(study, where="s").genes.index.tolist() == GENES


@pytest.mark.parametrize("kind", ["Peaks", "Chromatin Accessibility"])
def test_an_h5ad_with_feature_types(tmp_path, kind):
    both(tmp_path / "m.h5ad", feature_types=["Gene Expression"] * 6 + [kind] * 8)
    is_whole(read_paired({"id": "s", "path": str(tmp_path / "m.h5ad")}, counts(tmp_path)))


def test_a_folder_of_cellranger_atac_beside_the_genes(tmp_path):
    data(RNA, GENES).write_h5ad(tmp_path / "rna.h5ad")
    lines = "# made here\n" + "".join(peak.replace(":", "\t").replace("-", "\t") + "\n" for peak in PEAKS)
    path = folder_of(tmp_path / "filtered_peak_bc_matrix", lines, ATAC, CELLS, name="peaks.bed")
    study = {"id": "s", "path": str(tmp_path / "rna.h5ad"), "atac": {"path": path}}
    is_whole(read_paired(study, counts(tmp_path)))


@pytest.mark.parametrize("rows", ["peaks", "cells"])
@pytest.mark.parametrize("name", ["a.tsv.gz", "a.csv"])
def test_a_table_of_peaks_whatever_its_orientation(tmp_path, rows, name):
    data(RNA, GENES).write_h5ad(tmp_path / "rna.h5ad")
    table = pd.DataFrame(ATAC.toarray().astype(int), index=CELLS, columns=PEAKS)
    (table.T if rows == "peaks" else table).to_csv(tmp_path / name, sep="\t" if "tsv" in name else ",")
    study = {"id": "s", "path": str(tmp_path / "rna.h5ad"), "atac": {"path": str(tmp_path / name)}}
    is_whole(read_paired(study, counts(tmp_path)))


def test_a_whole_multiome_named_as_the_second_file(tmp_path):
    data(RNA, GENES).write_h5ad(tmp_path / "rna.h5ad")
    path = multiome(tmp_path / "m.h5")
    is_whole(
        read_paired({"id": "s", "path": str(tmp_path / "rna.h5ad"), "atac": {"path": path}}, counts(tmp_path))
    )


@pytest.mark.parametrize(
    ("rna", "atac", "said"),
    [("RNA", "ATAC", {}), ("GEX", "Peaks", {}), ("Gene Expression", "accessibility", {}),
     ("cells", "chromatin", {"modality": "cells", "atac": {"modality": "chromatin"}})],
)  # fmt: skip
def test_modalities_of_other_names(tmp_path, rna, atac, said):
    path = tmp_path / "m.h5mu"
    h5mu.write_h5mu(path, {atac: data(ATAC, PEAKS), rna: data(RNA, GENES)}, pd.DataFrame(index=CELLS))
    study = {"id": "s", "path": str(path), **said}
    assert open_source(study, where="s").genes.index.tolist() == GENES
    is_whole(read_paired(study, counts(tmp_path)))
    if not said:
        pair = read_pair(path)
        assert (pair.counts["rna"] != RNA).nnz == 0 and (pair.counts["atac"] != ATAC).nnz == 0


def test_peaks_in_a_modality_of_an_unknown_name(tmp_path):
    path = tmp_path / "m.h5mu"
    h5mu.write_h5mu(path, {"rna": data(RNA, GENES), "xyz": data(ATAC, PEAKS)}, pd.DataFrame(index=CELLS))
    with pytest.raises(UserError, match=r"the peaks are in modality 'xyz' .*write atac: \{modality: xyz\}"):
        check_peaks({"id": "s", "path": str(path)}, pd.Index(CELLS), "studies[0]")
    h5mu.write_h5mu(path, {"rna": data(RNA, GENES), "prot": data(ATAC, [f"p{i}" for i in range(8)])},
                    pd.DataFrame(index=CELLS))  # fmt: skip
    assert peaks_of({"id": "s", "path": str(path)}, "studies[0]") is None


# peaks that would be taken for genes


@pytest.mark.parametrize("kind", ["h5", "h5ad", "folder"])
def test_peaks_alone_are_not_taken_for_genes(tmp_path, kind):
    if kind == "h5":
        path = tenx(tmp_path / "p.h5", ATAC, CELLS, PEAKS, ["Peaks"] * 8)
    elif kind == "h5ad":
        path = str(tmp_path / "p.h5ad")
        data(ATAC, PEAKS).write_h5ad(path)
    else:
        path = folder_of(tmp_path / "p", "".join(f"{peak}\t{peak}\tPeaks\n" for peak in PEAKS), ATAC, CELLS)
    study = {"id": "s", "path": path}
    problems = check_study(study, "studies[0]", "human")
    assert len(problems) == 1 and "its 8 features are peaks (chr1:1000-1500" in problems[0].what
    assert "atac: {only: true}" in problems[0].fix
    config = {
        "collection": "c",
        "studies": [study | {"atac": {"only": True}, "url": None, "simulated": None}],
    }
    told = located(config, "s")
    assert check_study(told, "studies[0]", "human") == []
    assert gene_map(told, open_source(told, where="s"), "human", "s").names.tolist() == PEAKS


def test_only_takes_the_peaks_of_a_multiome(tmp_path):
    path = multiome(tmp_path / "m.h5")
    study = {"id": "s", "path": path, "atac": {"only": True}}
    assert check_peaks(study, pd.Index(CELLS), "studies[0]").index.tolist() == PEAKS


def test_genes_and_peaks_without_a_word_on_which_is_which(tmp_path):
    both(tmp_path / "m.h5ad")
    problems = check_study({"id": "s", "path": str(tmp_path / "m.h5ad")}, "studies[0]", "human")
    assert "8 of 14 features are peaks" in problems[0].what and "feature_types" in problems[0].fix


def test_genes_given_as_peaks(tmp_path):
    data(RNA, GENES).write_h5ad(tmp_path / "rna.h5ad")
    study = {"id": "s", "path": str(tmp_path / "rna.h5ad"), "atac": {"path": str(tmp_path / "rna.h5ad")}}
    with pytest.raises(UserError, match=r"its features \(G0, G1, G2 .*\) are no peaks -> name the file"):
        check_peaks(study, pd.Index(CELLS), "studies[0]")


# fragments

FRAGMENTS = "".join(f"chr1\t{at}\t{at + 50}\t{cell}\t1\n" for at, cell in enumerate(CELLS, 1000))


@pytest.mark.parametrize("head", ["", "# id=s\n# primary_contig=chr1\n"])
@pytest.mark.parametrize("name", ["atac_fragments.tsv.gz", "f.bed.gz", "f.tsv"])
def test_fragments_are_refused_with_what_to_do(tmp_path, head, name):
    data(RNA, GENES).write_h5ad(tmp_path / "rna.h5ad")
    written(tmp_path / name, head + FRAGMENTS)
    study = {"id": "s", "path": str(tmp_path / "rna.h5ad"), "atac": {"path": str(tmp_path / name)}}
    with pytest.raises(UserError, match=r"studies\[0\].atac.path .*has fragments .*make_peak_matrix"):
        check_peaks(study, pd.Index(CELLS), "studies[0]")
    problems = check_study({"id": "s", "path": str(tmp_path / name)}, "studies[0]", "human")
    assert "has fragments" in problems[0].what and "filtered_feature_bc_matrix.h5" in problems[0].fix


def test_an_h5ad_of_fragments(tmp_path):
    table = anndata.AnnData(obs=pd.DataFrame(index=CELLS))
    table.obsm["fragment_paired"] = sparse.csr_matrix(ATAC)
    table.write_h5ad(tmp_path / "f.h5ad")
    problems = check_study({"id": "s", "path": str(tmp_path / "f.h5ad")}, "studies[0]", "human")
    assert "f.h5ad has fragments" in problems[0].what


def test_the_folder_of_all_results_names_the_one_to_give(tmp_path):
    (tmp_path / "outs").mkdir()
    arc(tmp_path / "outs" / "filtered_feature_bc_matrix")
    problems = check_study({"id": "s", "path": str(tmp_path / "outs")}, "studies[0]", "human")
    assert str(tmp_path / "outs" / "filtered_feature_bc_matrix") in problems[0].fix


# the same cells under other names


def two(folder, names, **atac):
    data(RNA, GENES).write_h5ad(folder / "rna.h5ad")
    data(ATAC, PEAKS, names).write_h5ad(folder / "atac.h5ad")
    atac = {"path": str(folder / "atac.h5ad"), **atac}
    return {"id": "s", "path": str(folder / "rna.h5ad"), "atac": atac}


@pytest.mark.parametrize("form", ["{}", "S1_{}", "S1#{}-1", "{}-2", "donor.a:{}.x"])
def test_one_prefix_and_suffix_is_exchanged_and_logged(tmp_path, caplog, form):
    study = two(tmp_path, [form.format(core) for core in CORES])
    with caplog.at_level("INFO"):
        is_whole(read_paired(study, counts(tmp_path)))
    rule, certain = suggestion(pd.Index(CELLS), pd.Index([form.format(core) for core in CORES]))
    assert certain and f"atac: {{{rule}}}" in caplog.text
    said = {"strip": rule.strip, "prefix": rule.prefix, "suffix": rule.suffix}
    is_whole(read_paired(two(tmp_path, [form.format(core) for core in CORES], **said), counts(tmp_path)))


def test_what_is_less_certain_is_proposed_and_works_when_pasted(tmp_path):
    names = [f"S{1 + i // 30}_{core}" for i, core in enumerate(CORES)]  # two libraries in one file
    with pytest.raises(UserError, match=r"atac: \{..., strip: '\^S1_', suffix: '-1'\}, which matches 30"):
        check_peaks(two(tmp_path, names), pd.Index(CELLS), "studies[0]")
    study = two(tmp_path, names, strip="^S1_", suffix="-1")
    assert read_paired(study, counts(tmp_path)).n_cells == 30


def test_numbered_cells_are_never_matched_without_being_asked(tmp_path):
    study = two(tmp_path, [f"a{i}" for i in range(40)])
    with pytest.raises(UserError, match=r"strip: '\^a', prefix: 'c'\}, which matches 40"):
        check_peaks(study, pd.Index([f"c{i}" for i in range(40)]), "studies[0]")


def test_barcodes_of_another_sample_that_agree_by_chance(tmp_path):
    ours = ["".join(one) for one in np.random.default_rng(1).choice(list("ACGT"), (300, 16))]
    theirs = ["".join(one) for one in np.random.default_rng(2).choice(list("ACGT"), (300, 16))]
    theirs[:3] = ours[:3]
    table = data(sparse.csr_matrix(np.ones((300, 8), np.float32)), PEAKS, theirs)
    table.write_h5ad(tmp_path / "atac.h5ad")
    study = {"id": "s", "path": "rna.h5ad", "atac": {"path": str(tmp_path / "atac.h5ad")}}
    with pytest.raises(UserError, match=r"only 3 of 300 barcodes of the peaks .*cellranger-arc"):
        check_peaks(study, pd.Index(ours), "studies[0]")


def test_rules_that_cannot_be_used(tmp_path):
    with pytest.raises(UserError, match=r"atac.strip: '\(' is not a regular expression"):
        check_peaks(two(tmp_path, CORES, strip="("), pd.Index(CELLS), "studies[0]")
    with pytest.raises(UserError, match=r"barcodes of the peaks occur more than once after \{strip: '\^.*-1"):
        check_peaks(
            two(tmp_path, [*CELLS[:39], f"x{CELLS[0]}"], strip="^x|-1$", suffix="-1"), pd.Index(CELLS), "s"
        )
    assert not Rule() and Rule().apply(pd.Index(["a"])).tolist() == ["a"]


@pytest.mark.parametrize(
    ("form", "said"), [("{}", {}), ("S2_{}", {}), ("{}_S2", {"strip": "_S2$", "suffix": "-1"})]
)
def test_a_sheet_under_other_names(tmp_path, form, said):
    data(RNA, GENES).write_h5ad(tmp_path / "rna.h5ad")
    sheet = pd.DataFrame({"cell": [form.format(core) for core in CORES], "kind": range(40)})
    sheet.sample(frac=1, random_state=0).to_csv(tmp_path / "s.csv", index=False)
    study = {
        "id": "s",
        "path": str(tmp_path / "rna.h5ad"),
        "metadata": {"path": str(tmp_path / "s.csv"), **said},
    }
    assert cell_table(study, open_source(study, where="s"), "s")["kind"].tolist() == list(range(40))
