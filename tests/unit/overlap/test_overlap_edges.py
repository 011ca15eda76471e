import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.data.edge_lists import Network, graph_of, read_network, shared_genes
from panscape.errors import UserError


@pytest.mark.parametrize(
    "text",
    [
        "gene1\tgene2\nA\tB\nC\tB\n",
        "A\tB\nB\tC\n",
        "source,target,weight\nB,A,0.3\nC,B,1\n",
        '"A","B"\r\n"C","B"\r\n',
        "# a comment\n\ntf target mor\nA B 1\nB C -1\n",
        "ligand\treceptor\nA\tB\nB\tA\nB\tC\nB\tB\n",
        "producer_gene\tconsumer_gene\tmetabolite\nA\tB\tx\nA\tB\ty\nB\tC\tz\n",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_layouts(tmp_path, text, packed):
    path = tmp_path / ("net.tsv.gz" if packed else "net.txt")
    if packed:
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_bytes(text.encode())
    assert read_network(path, "net").pairs == [("A", "B"), ("B", "C")]


def test_loops_repeats_and_directions_are_counted(tmp_path):
    path = tmp_path / "net.tsv"
    path.write_text("gene1\tgene2\nA\tB\nB\tA\nA\tB\nC\tC\nC\tA\n")
    net = read_network(path, "net")
    assert (net.n_lines, net.n_loops, net.n_repeats, len(net.pairs)) == (5, 1, 2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A\nB\n", "line 1 has one column"),
        ("A\tB\nC\n", "line 2 has one column: 'C'"),
        ("A\t\n", "one column"),
        ("", "no edge"),
        ("gene1\tgene2\n", "no edge"),
        ("A\tA\n", "no edge between two genes in 1 lines"),
    ],
)
def test_bad_files_are_reported(tmp_path, text, message):
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_network(path, "bad")
    assert "bad.tsv" in str(caught.value)


def test_unreadable_files_are_reported(tmp_path):
    packed = gzip.compress("".join(f"G{at}\tG{at * 7}\n" for at in range(5000)).encode())
    for name, content, message in (
        ("x.tsv", b"\xff\xfe\x00A\t\x00B", "not text in UTF-16"),
        ("y.tsv", b"A\tB\nC\t\xe9\n", "not text in UTF-8"),
        ("z.tsv", b"A\tB\nC\0\tD\n", "line 2 has zero bytes"),
        ("y.tsv.gz", b"\x1f\x8b\x08", "cannot be read"),
        ("cut.tsv.gz", packed[: len(packed) // 2], "cannot be read"),
        ("changed.tsv.gz", packed[:200] + bytes([packed[200] ^ 255]) + packed[201:], "cannot be read"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}.*{message}"):
            read_network(path, "x")
    with pytest.raises(UserError, match="is a folder"):
        read_network(tmp_path, "x")
    with pytest.raises(UserError, match="there is no file"):
        read_network(tmp_path / "gone.tsv", "x")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_edge_lists_are_read_in_the_encodings_of_spreadsheets(tmp_path, encoding):
    path = tmp_path / "net.tsv.gz"  # not gzipped, whatever its name says
    path.write_bytes("A\tB\r\nB\tC\r\n".encode(encoding))
    assert read_network(path, "net").pairs == [("A", "B"), ("B", "C")]


@pytest.mark.parametrize("header", ["", "gene1\tgene2\n"])
def test_genes_with_names_of_headers_are_genes(tmp_path, header):
    path = tmp_path / "net.tsv"
    path.write_text(f"{header}ID1\tID2\nTF\tID3\nID2\tA\n")
    net = read_network(path, "net")
    assert net.pairs == [("A", "ID2"), ("ID1", "ID2"), ("ID3", "TF")]
    assert (net.n_lines, net.n_loops, net.n_repeats) == (3, 0, 0)
    path.write_text("TF\tTF\nTF\tA\nA\tTF\n")
    net = read_network(path, "net")
    assert net.pairs == [("A", "TF")] and (net.n_lines, net.n_loops, net.n_repeats) == (3, 1, 1)


def test_a_few_lines_are_enough_to_check_a_file(tmp_path):
    path = tmp_path / "net.tsv"
    path.write_text("A\tB\nB\tC\nbroken\n")
    assert read_network(path, "net", lines=2).n_lines == 2
    with pytest.raises(UserError, match="line 3 has one column"):
        read_network(path, "net", lines=3)


names = st.text(
    st.characters(whitelist_categories=("Lu", "Ll", "Nd"), max_codepoint=0x17F), min_size=1, max_size=6
)


@settings(max_examples=60)
@given(st.lists(st.tuples(names, names), min_size=1, max_size=20))
def test_any_edges_survive(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("net") / "net.tsv"
    path.write_text("gene1\tgene2\n" + "".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    header = {"gene", "source"}
    expected = sorted({tuple(sorted(pair)) for pair in pairs if pair[0] != pair[1]})
    if not expected:
        with pytest.raises(UserError):
            read_network(path, "net")
        return
    net = read_network(path, "net")
    assert net.pairs == expected or header & {a.lower() for pair in pairs for a in pair}
    assert net.n_lines == net.n_loops + net.n_repeats + len(net.pairs)


def test_graph_of_restricts_merges_and_orders():
    graph = graph_of(
        [("b", "a"), ("a", "x"), ("a", "b"), ("c", "c"), ("b", "c")], ["a", "b", "c"], [1, 9, 3, 9, 2]
    )
    assert graph.edges.tolist() == [[0, 1], [1, 2]] and graph.weight.tolist() == [3, 2]
    assert graph.heaviest(1).edges.tolist() == [[0, 1]]
    assert graph.within(np.array([False, True, True])).edges.tolist() == [[1, 2]]
    assert graph_of([], ["a"]).n_edges == 0
    with pytest.raises(ValueError, match="no weights"):
        graph_of([("a", "b")], ["a", "b"]).heaviest(1)


def test_networks_without_shared_genes_are_an_error():
    network = Network("string", [("FOS", "JUN")], 1, 0, 0)
    with pytest.raises(UserError, match=r"string: none of the 2 genes.*2 match when case is ignored"):
        shared_genes(network, ["Fos", "Jun"])
    with pytest.raises(UserError, match="none of the 1 genes") as caught:
        shared_genes(network, ["unc-86"])
    assert "case" not in str(caught.value)
    assert shared_genes(network, ["FOS", "x"]).tolist() == [True, False]
