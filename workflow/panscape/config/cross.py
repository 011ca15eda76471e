"""Consistency checks across keys, without reading files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from panscape.data.expressions import compiled
from panscape.errors import Problem, UserError, nearest

SOURCES = ("path", "url", "simulated", "metacells")
# columns that the stages add
RESERVED = {
    "study", "cell", "cluster", "resolution", "level", "parent", "n_cells", "multiplicity", "n_pairs",
    "n_counts", "n_genes", "mito_share", "ribo_share", "dpt_pseudotime", "pseudotime", "component",
}  # fmt: skip


def ids(studies: Any) -> Iterator[Problem]:
    """Yield problems with the ids of the studies, for input of any type."""
    first: dict[str, tuple[int, str]] = {}
    for at, study in enumerate(studies if isinstance(studies, list) else []):
        name = study.get("id") if isinstance(study, dict) else None
        if not isinstance(name, str):
            continue
        known = first.setdefault(name.lower(), (at, name))
        if known[0] == at:
            continue
        what = f"{name!r} is also the id of studies[{known[0]}]"
        if known[1] != name:
            what = f"{name!r} and {known[1]!r} differ in case only, which some file systems ignore"
        yield Problem(f"studies[{at}].id", what, "give each study a different name")


def one_study(study: dict[str, Any], where: str, simulated: list[str] | None) -> Iterator[Problem]:
    """Yield contradictions within one valid study.

    Parameters
    ----------
    study
        Settings of a study, complete and valid by the schema.
    where
        Its key, ``studies[1]``.
    simulated
        Names of the simulated studies; None if they are unknown.
    """
    yield from _source(study, where, simulated)
    if study["metadata"]["barcode"] and not study["metadata"]["path"]:
        yield Problem(f"{where}.metadata.barcode", "there is no metadata.path to look it up in", "write path")
    for name, source in study["obs"].items():
        given = [key for key in ("column", "value") if source[key] is not None]
        if len(given) != 1:
            what = "both column and value are given" if given else "neither column nor value is given"
            yield Problem(f"{where}.obs.{name}", what, "write one of them")
        if name in RESERVED:
            advice = f"choose another name, e.g. {name}_original"
            yield Problem(f"{where}.obs.{name}", "the workflow adds a column of that name", advice)
    if study["keep"]:
        yield from keep(study["keep"], where)


def _source(study: dict[str, Any], where: str, simulated: list[str] | None) -> Iterator[Problem]:
    given = [key for key in SOURCES if study.get(key) is not None]
    if len(given) != 1:
        what = f"{' and '.join(given)} are given together" if given else "no source is given"
        yield Problem(where, what, "write exactly one of path, url (with sha256), simulated and metacells")
        return
    if study["url"] and not study["sha256"]:
        advice = "write the 64 digits that `sha256sum FILE` prints for the file you expect"
        yield Problem(f"{where}.sha256", "is missing; a url needs a checksum", advice)
    if study["url"] and study["format"] == "10x-mtx":
        advice = "download the folder yourself and write its path"
        yield Problem(f"{where}.url", "format 10x-mtx is a folder, a url is one file", advice)
    if study["sha256"] and not study["url"]:
        yield Problem(f"{where}.sha256", "belongs to url, which is not given", "remove it")
    name = study["simulated"]
    if name and simulated is not None and name not in simulated:
        guess = nearest(name, simulated)
        advice = f"did you mean {guess!r}?" if guess else f"write one of {', '.join(simulated) or '(none)'}"
        yield Problem(f"{where}.simulated", f"simulation.studies has no {name!r}", advice)


def keep(expression: str, where: str) -> Iterator[Problem]:
    """Yield the problem of a filter that does not parse."""
    from panscape.data.filter_expression import parse_keep

    try:
        parse_keep(expression, f"{where}.keep")
    except UserError as error:
        yield from error.problems


def stages(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield contradictions within the sections of the stages."""
    for at, expression in enumerate(config.get("preprocess", {}).get("exclude_genes", [])):
        try:
            compiled(expression, f"preprocess.exclude_genes[{at}]", "e.g. write ^HB[AB]")
        except UserError as error:
            yield from error.problems
    panclust = config.get("panclust", {})
    cells, limit = panclust.get("sketch_cells", 0), panclust.get("sketch_above", 0)
    if cells > limit:
        what = f"the sample of {cells} cells is larger than panclust.sketch_above ({limit})"
        yield Problem("panclust.sketch_cells", what, "lower it, or raise sketch_above")
    landscape = config.get("landscape", {})
    top, least = landscape.get("top_pairs", 1), landscape.get("min_pairs", 0)
    if landscape.get("distance") == "corrected" and top < least:
        what = f"{top} pairs are compared, but a cluster needs {least} (landscape.min_pairs)"
        yield Problem("landscape.top_pairs", what, "raise it, or lower min_pairs")
    dictionary = config.get("dictionary", {})
    for key in ("k_range", "set_sizes"):
        low, high = dictionary.get(key, (0, 0))
        if low > high:
            what = f"the minimum ({low}) is larger than the maximum ({high})"
            yield Problem(f"dictionary.{key}", what, f"write [{high}, {low}]")
    pairs = dictionary.get("pairs", "off-diagonal")
    if dictionary.get("entries") == "products" and pairs != "off-diagonal":
        advice = "write pairs: off-diagonal, or dictionary.entries: free"
        yield Problem("dictionary.pairs", f"{pairs}, but products are between different genes", advice)
    yield from _features(config)
    yield from _networks(config)


def _features(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield gene set sizes in the wrong order, and uses of features without gene sets."""
    settings = config.get("features", {})
    low, high = settings.get("set_sizes", (0, 0))
    if low > high:
        what = f"the minimum ({low}) is larger than the maximum ({high})"
        yield Problem("features.set_sizes", what, f"write [{high}, {low}]")
    simulated = any(study.get("simulated") for study in config.get("studies", ()) if study)
    if settings.get("gene_sets") != [] or simulated:
        return
    advice = "name a GMT file of the species"
    if config.get("report", {}).get("features"):
        what = "there are no gene sets to report features of"
        yield Problem("features.gene_sets", what, f"{advice}, or write report: {{features: false}}")
    if "features" in config.get("unicoord", {}).get("label_transfer", ()):
        what = "unicoord.label_transfer names features, but there are no gene sets"
        yield Problem("features.gene_sets", what, f"{advice}, or take features out of label_transfer")


def _networks(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield known networks that share a name, and a report of the overlap without networks."""
    networks = config.get("overlap", {}).get("networks")
    first: dict[str, int] = {}
    for at, network in enumerate(networks or []):
        known = first.setdefault(network["name"].lower(), at)
        if known != at:
            what = f"{network['name']!r} is also the name of overlap.networks[{known}]"
            yield Problem(f"overlap.networks[{at}].name", what, "give each network a different name")
    if networks == [] and config.get("report", {}).get("overlap"):
        what = "there is no known network to report the overlap with"
        yield Problem("overlap.networks", what, "name an edge list, or write report: {overlap: false}")


def metacells(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield contradictions between samples and the studies of their metacells."""
    samples = [study["id"] for _, study in studies if "metacells" in study["use"]]
    settings = config.get("metacells", {})
    known = ["pooled"] if settings.get("pool") else samples
    for at, study in studies:
        made = study.get("metacells")
        if made and "metacells" in study["use"]:
            what = "metacells cannot be grouped into metacells again"
            yield Problem(f"studies[{at}].use", what, "leave metacells out of use")
        elif made and (made["sample"] not in known or not samples):
            what = f"there are no metacells of {made['sample']!r}"
            advice = (
                f"write {' or '.join(known)}" if samples else "write use: [metacells] in the sample's entry"
            )
            yield Problem(f"studies[{at}].metacells.sample", what, advice)
        atac = study.get("atac") or {}
        if atac.get("path") and atac.get("only"):
            yield Problem(f"studies[{at}].atac", "both path and only are given", "write one of them")
    if settings.get("k") == "sweep" and not settings.get("size_sweep"):
        yield Problem("metacells.k", "is sweep, but there are no sizes", "list sizes in metacells.size_sweep")


def programs(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield columns of the dictionary's comparisons that no study of the landscape has."""
    mapped = {name for _, study in studies if "landscape" in study["use"] for name in study["obs"]}
    for where, name in _named_columns(config, "dictionary", "compare"):
        if name not in mapped:
            listed = ", ".join(sorted(mapped)) or "none"
            guess = nearest(name, sorted(mapped))
            advice = f"did you mean {guess!r}?" if guess else f"map it in studies[].obs (mapped: {listed})"
            yield Problem(where, f"no study of the landscape has {name!r} among its mapped columns", advice)


def lines(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield phenotypes, covariates and blocks that no study of lines has."""
    used = [study for _, study in studies if "sivae" in study["use"]]
    mapped = list(dict.fromkeys(name for study in used for name in study["obs"]))
    yield from _within(config.get("sivae", {}), used)
    if isinstance(config.get("networks", {}).get("phenotypes"), str):
        return  # columns of a table of lines, which are checked when it is read
    for where, name in _named_columns(config, "networks", "phenotypes"):
        if name not in mapped:
            guess = nearest(name, mapped)
            advice = (
                f"did you mean {guess!r}?" if guess else f"map it in studies[].obs ({', '.join(mapped)} are)"
            )
            what = f"no study of lines has {name!r} among its mapped columns"
            yield Problem(where, what, advice)


def _within(settings: dict[str, Any], used: list[dict[str, Any]]) -> Iterator[Problem]:
    """Yield the problems of the column of cell types by which lines are divided."""
    within, line = settings.get("within"), settings.get("line", "line")
    if within is None:
        return
    if within == line:
        yield Problem(
            "sivae.within", f"{within!r} is the column of the lines (sivae.line)", "name cell types"
        )
    for study in used:
        if within not in study["obs"]:
            guess = nearest(within, list(study["obs"]))
            advice = f"did you mean {guess!r}?" if guess else "map it in studies[].obs, or write null"
            what = f"study {study['id']!r} has no {within!r} among its mapped columns"
            yield Problem("sivae.within", what, advice)


def _named_columns(config: dict[str, Any], section: str, tested: str) -> Iterator[tuple[str, str]]:
    """Yield the columns that the tests of a section name, with their keys."""
    settings = config.get(section, {})
    for key in (tested, "covariates"):
        yield from ((f"{section}.{key}[{at}]", name) for at, name in enumerate(settings.get(key) or []))
    if settings.get("block"):
        yield f"{section}.block", settings["block"]


def logged(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield studies of log values where counts are needed."""
    for at, study in studies:
        if study.get("values") != "log":
            continue
        others = [stage for stage in study["use"] if stage != "sivae"]
        if others:
            what = f"log values, but {' and '.join(others)} need counts"
            yield Problem(f"studies[{at}].values", what, "write use: [sivae], or name counts")
        if "sivae" in study["use"] and config.get("sivae", {}).get("likelihood") == "nb":
            what = f"the negative binomial needs counts, and study {study['id']!r} has log values"
            yield Problem("sivae.likelihood", what, "write likelihood: gaussian, or leave the study out")


def present_in(config: dict[str, Any], studies: list[str]) -> Iterator[Problem]:
    """Yield the problem of a `present_in` larger than the number of studies."""
    asked = config.get("preprocess", {}).get("present_in", "all")
    if isinstance(asked, str) or not studies:
        return
    advice = f"write majority, all, a fraction below 1, or a whole number up to {len(studies)}"
    if asked > 1 and asked % 1:
        yield Problem(
            "preprocess.present_in", f"{asked} is neither a fraction nor a number of studies", advice
        )
    elif asked > len(studies):
        what = f"is {asked:g}, but {len(studies)} studies take part in the landscape"
        yield Problem("preprocess.present_in", what, advice)


def sample(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield studies with an age that do not map the column of samples."""
    name = config.get("landscape", {}).get("sample")
    if name in (None, "auto", "cell"):
        return
    for at, study in studies:
        if "landscape" not in study["use"] or "age" not in study["obs"] or name in study["obs"]:
            continue
        guess = nearest(name, [*study["obs"], "auto", "cell"])
        advice = f"did you mean {guess!r}? " if guess else ""
        advice += f"map studies[{at}].obs.{name}, or write auto or cell"
        yield Problem("landscape.sample", f"study {study['id']!r} maps no column {name!r}", advice)


def units(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield the problems of ages without a unit beside ages with one."""
    ages = [(at, study["obs"]["age"]["unit"]) for at, study in studies if "age" in study["obs"]]
    known = config["age_unit"] or next((unit for _, unit in ages if unit), None)
    for at, unit in ages:
        if known and not unit:
            what = f"is missing, while the collection's ages are in {known}"
            yield Problem(
                f"studies[{at}].obs.age.unit", what, f"write the unit of this study, e.g. unit: {known}"
            )


def age_unit(config: dict[str, Any]) -> str | None:
    """Return the unit that ages are converted to: that of the collection, else of the first study."""
    ages = [study["obs"]["age"]["unit"] for study in config["studies"] if "age" in study["obs"]]
    return config["age_unit"] or next((unit for unit in ages if unit), None)
