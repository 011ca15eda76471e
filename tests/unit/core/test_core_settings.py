"""Settings are strict, agree with the schema, and take the keys of the version before with a warning."""

import importlib
import logging
from dataclasses import MISSING, dataclass, fields

import pytest

from panscape.config.schema import schema
from panscape.errors import UserError
from panscape.settings import FromMapping, Renamed

SETTINGS = {
    "panscape.data.limits": "Limits",
    "panscape.coscape.panclust.settings": "PanclustSettings",
    "panscape.coscape.coexpression.settings": "CoexpressionSettings",
    "panscape.coscape.landscape.settings": "LandscapeSettings",
    "panscape.coscape.dictionary.settings": "DictionarySettings",
    "panscape.coscape.overlap.settings": "OverlapSettings",
    "panscape.sivae.settings": "SivaeSettings",
    "panscape.sivae.values": "ValueSettings",
    "panscape.sivae.lines": "LineSettings",
    "panscape.sivae.job": "ReadoutSettings",
    "panscape.sivae.networks.settings": "NetworkSettings",
    "panscape.coem.settings": "CoemSettings",
    "panscape.coem.metacells.group": "GroupSettings",
    "panscape.coem.metacells.settings": "MetacellSettings",
    "panscape.coem.links.pairs": "LinkSettings",
    "panscape.unicoord.settings": "UniCoordSettings",
    "panscape.unicoord.features.settings": "FeatureSettings",
    "panscape.simulate.settings": "Settings",
}
APART = {("ValueSettings", "labels")}  # arrays in memory have no column of labels
INTERNAL = {"CoexpressionSettings": {"normalisation", "min_expected"}, "GroupSettings": {"coarse_cells"}}


@pytest.fixture(params=SETTINGS.items(), ids=SETTINGS.values())
def kind(request):
    module, name = request.param
    return getattr(importlib.import_module(module), name)


def section(kind):
    return schema()["properties"][kind.SECTION]


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    if isinstance(value, dict) or hasattr(value, "__dataclass_fields__"):
        return (
            dict(value)
            if isinstance(value, dict)
            else {f.name: getattr(value, f.name) for f in fields(value)}
        )
    return value


def test_every_class_of_settings_is_tested():
    def below(kind):
        return {kind, *(one for sub in kind.__subclasses__() for one in below(sub))}

    for module in SETTINGS:
        importlib.import_module(module)
    named = {
        one.__name__ for one in below(FromMapping) - {FromMapping} if one.__module__.startswith("panscape")
    }
    assert named == set(SETTINGS.values())


def test_keys_are_those_of_the_section(kind):
    keys = set(section(kind)["properties"])
    names = {item.name for item in fields(kind)} - INTERNAL.get(kind.__name__, set())
    assert names <= keys and names | kind.BESIDE == keys


def test_defaults_are_those_of_the_schema(kind):
    keys = section(kind)["properties"]
    for item in fields(kind):
        if (kind.__name__, item.name) in APART:
            continue
        if item.name in keys and "default" in keys[item.name] and item.default is not MISSING:
            written, ours = plain(keys[item.name]["default"]), plain(getattr(kind(), item.name))
            if isinstance(written, dict):
                assert all(ours[key] == value for key, value in written.items()), item.name
            else:
                assert ours == written or (not ours and not written), item.name


def test_an_unknown_key_is_refused(kind):
    name = next(item.name for item in fields(kind) if len(item.name) > 4)
    with pytest.raises(
        UserError, match=rf"{kind.SECTION}\.{name}x: unknown setting -> did you mean '{name}'"
    ):
        kind.of({f"{name}x": 1})


def test_old_keys_are_those_of_the_schema(kind):
    renamed = section(kind).get("x-renamed", {})
    for old, new in kind.RENAMED.items():
        spec = renamed[old] if isinstance(renamed[old], dict) else {"to": renamed[old]}
        assert (new.name, new.minus) == (spec["to"], spec.get("minus", 0))
        assert (sorted(new.values), new.instead) == (sorted(spec.get("values", [])), spec.get("instead", ""))
        assert new.name in {item.name for item in fields(kind)} | kind.BESIDE


def test_an_old_key_is_taken_with_a_warning(caplog):
    @dataclass(frozen=True)
    class Kind(FromMapping):
        SECTION = "step"
        RENAMED = {"neighbours": Renamed("n_neighbors", minus=1)}  # noqa: RUF012
        n_neighbors: int = 15

    with caplog.at_level(logging.WARNING):
        assert Kind.of({"neighbours": 20}).n_neighbors == 19
    assert "step.neighbours is now n_neighbors" in caplog.text
    with pytest.raises(UserError, match="its new name, n_neighbors, is given too"):
        Kind.of({"neighbours": 20, "n_neighbors": 3})


def test_a_value_that_moved_to_another_key_is_taken_with_a_warning(caplog):
    @dataclass(frozen=True)
    class Kind(FromMapping):
        SECTION = "step"
        RENAMED = {"way": Renamed("metric", values=("cosine",), instead="old")}  # noqa: RUF012
        way: str = "old"
        metric: str = "euclidean"

    with caplog.at_level(logging.WARNING):
        assert Kind.of({"way": "cosine"}) == Kind("old", "cosine")
        assert Kind.of({"way": "new"}) == Kind("new", "euclidean")
    assert caplog.text.count("step.way: cosine is now metric") == 1
    with pytest.raises(UserError, match="its new name, metric, is given too"):
        Kind.of({"way": "cosine", "metric": "euclidean"})
