"""The landscape is the same, byte for byte, whatever the number of threads."""

from landscape_cases import study

from panscape.coscape.landscape.build import compute_landscape
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.stats.threads import limited

QUICK = LandscapeSettings(
    distance="thresholded", n_neighbors=7, permutations=9, layout_iterations=2, min_pairs=5
)


def test_one_thread_and_two_give_the_same_bytes():
    # more than 200 clusters: LAPACK divides the eigenproblem between threads, which changes the last digits
    studies = [study("one", 130, genes=20, ages=(0, 7)), study("two", 130, genes=20, ages=(3, 10))]
    results = []
    for number in (1, 2):
        with limited(number):
            space = compute_landscape(studies, QUICK, 1).space
            results.append((space.pseudotime.tobytes(), space.diffusion.vectors.tobytes()))
    assert results[0] == results[1]
