import made_up
import pytest


@pytest.fixture(scope="session")
def collection(tmp_path_factory):
    """A made-up collection with its figures: (folder of results, configuration)."""
    root = tmp_path_factory.mktemp("collection")
    out = made_up.write_results(root)
    config = made_up.configuration()
    made_up.draw(out, config, names={"map-study", "map-dpt-pseudotime", "spaces", "pseudotime-age"})
    return out, config
