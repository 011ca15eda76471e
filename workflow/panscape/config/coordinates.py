"""Consistency checks of the section ``unicoord``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from panscape.config.scenarios import odd_values
from panscape.errors import Problem, UserError, nearest

_MADE = {"study", "barcode", "n_counts", "n_genes", "mito_share", "ribo_share", "dpt_pseudotime"}


def coordinates(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield labels that no study maps, and scenarios and tests of labels that are not trained on."""
    settings = config.get("unicoord", {})
    labels = settings.get("labels") or []
    kinds = {label["name"]: label["kind"] for label in labels}
    yield from _applied(settings.get("apply", {}), studies)
    yield from _labels(settings, labels, kinds, studies)
    yield from _batch(settings, labels, kinds, studies)
    if not labels:
        return
    first: set[str] = set()
    for at, scenario in enumerate(settings["scenarios"]):
        where = f"unicoord.scenarios[{at}]"
        if scenario["name"].lower() in first:
            yield Problem(f"{where}.name", f"{scenario['name']!r} occurs twice", "give each a different name")
        first.add(scenario["name"].lower())
        for name in scenario["set"]:
            if name not in kinds:
                yield Problem(
                    f"{where}.set", f"{name!r} is not a label", _advice(name, kinds, "unicoord.labels")
                )
    yield from odd_values(settings, {label["name"]: label for label in labels})
    for at, test in enumerate(settings["restore"]):
        where, name = f"unicoord.restore[{at}]", test["label"]
        if kinds.get(name) not in ("continuous", "ordinal"):
            numbers = {key: kind for key, kind in kinds.items() if kind != "discrete"}
            what = f"{name!r} is not a continuous or ordinal label"
            yield Problem(f"{where}.label", what, _advice(name, numbers, "unicoord.labels"))
        if test["leave"][0] > test["leave"][1]:
            yield Problem(f"{where}.leave", "the first number is the larger", "write [low, high]")


def _batch(settings, labels, kinds, studies) -> Iterator[Problem]:
    """Yield the problem of a label whose effect is to be removed, and which no model will have."""
    wanted = settings.get("integrate", "auto")
    if wanted in (None, "auto") or not any("unicoord" in study["use"] for _, study in studies):
        return
    from panscape.unicoord.settings import USUAL

    above = {label["parent"] for label in labels}  # sums of the classes of their children
    known = {name: kind for name, kind in (kinds or USUAL).items() if kind == "discrete"}
    if wanted in known and wanted not in above:
        return
    what = f"{wanted!r} is not a discrete label"
    if wanted in kinds:
        what = f"{wanted!r} is {'a parent of another' if wanted in above else 'a ' + kinds[wanted]} label"
    there = ", ".join(name for name in known if name not in above) or "none"
    yield Problem(
        "unicoord.integrate", what, f"write a discrete label of unicoord.labels ({there}), auto or null"
    )


def _applied(apply: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield problems of the annotation of new studies."""
    known = {study["id"]: study for _, study in studies}
    chosen = apply.get("studies", ())
    for name in chosen:
        if name not in known:
            yield Problem(
                "unicoord.apply.studies", f"there is no study {name!r}", _advice(name, known, "studies")
            )
    if apply.get("model") and not chosen:
        yield Problem("unicoord.apply", "a model is given, but no studies", "list studies to annotate")
    trained = [name for name, study in known.items() if name not in chosen and "unicoord" in study["use"]]
    if chosen and not apply.get("model") and not trained:
        advice = "leave studies to train on, or name the folder of a model"
        yield Problem("unicoord.apply.studies", "no study is left to train a model on", advice)


def _labels(settings, labels, kinds, studies) -> Iterator[Problem]:
    mapped = {name for _, study in studies if "unicoord" in study["use"] for name in study["obs"]} | _MADE
    anything = bool(settings.get("tables")) or bool(
        set(settings.get("label_transfer", ())) & {"usage", "features"}
    )
    for at, label in enumerate(labels):
        where, name = f"unicoord.labels[{at}]", label["name"]
        if name not in mapped and not anything:
            advice = _advice(name, dict.fromkeys(mapped - _MADE), "studies[].obs, or give unicoord.tables")
            yield Problem(f"{where}.name", f"no study maps {name!r}", advice)
        if name == "dpt_pseudotime" and "pseudotime" not in settings.get("label_transfer", ()):
            yield Problem(
                f"{where}.name",
                "pseudotime is not transferred",
                "write unicoord.label_transfer: [pseudotime]",
            )
        if [item["name"] for item in labels].index(name) != at:
            yield Problem(f"{where}.name", f"{name!r} occurs twice", "keep one")
        if label["order"] and label["kind"] != "ordinal":
            yield Problem(
                f"{where}.order", f"the label is {label['kind']}", "write kind: ordinal, or remove order"
            )
        if label["transform"] != "none" and label["kind"] != "continuous":
            what = f"the label is {label['kind']}"
            yield Problem(f"{where}.transform", what, "write kind: continuous, or remove transform")
        parent = label["parent"]
        if parent and (label["kind"] != "discrete" or kinds.get(parent) != "discrete" or parent == name):
            what = f"{parent!r} is not another discrete label"
            yield Problem(f"{where}.parent", what, "list the parent in unicoord.labels with kind: discrete")
            return
    parents = {label["name"]: label["parent"] for label in labels if label["parent"]}
    if len(parents) > 1:
        from panscape.unicoord.label_checks import check_order

        try:
            check_order(parents)
        except UserError as error:
            yield from error.problems


def _advice(name: str, known: dict[str, Any], where: str) -> str:
    guess = nearest(name, list(known))
    return f"did you mean {guess!r}?" if guess else f"add it to {where}"
