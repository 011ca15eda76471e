"""Files of a collection's results that the report may read."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from panscape.data.files import read_tsv
from panscape.report.blocks import Picture
from panscape.report.images import embedded

CAPTIONS = Path(__file__).resolve().parents[2] / "report"


@dataclass(frozen=True)
class Results:
    """The files that a report is made from.

    Only listed files are read; files left in the folder by a run with another configuration are ignored.

    Parameters
    ----------
    root
        The folder of the report, ``results/{collection}``.
    files
        Files; those inside `root` are known by their path relative to it, others by the names in `named`.
    config
        The complete configuration of the collection.
    named
        Files outside the folder: name -> path, e.g. ``truth/modules.tsv``.
    benchmarks
        Folder of the collection's benchmark tables, if there is one.
    """

    root: Path
    files: frozenset[str]
    config: Mapping[str, Any]
    named: Mapping[str, Path] = field(default_factory=dict)
    benchmarks: Path | None = None

    @classmethod
    def of(
        cls,
        root: str | Path,
        files: Iterable[str | Path],
        config: Mapping[str, Any],
        *,
        named: Mapping[str, str | Path] | None = None,
        benchmarks: str | Path | None = None,
    ) -> Results:
        """List the files of a report.

        Parameters
        ----------
        root
            The folder of the report.
        files
            Files and folders; of a folder, all files inside.
        config
            The complete configuration.
        named
            Name -> path of files outside `root`.
        benchmarks
            Folder of the benchmark tables.
        """
        root = Path(root)
        given = [Path(file) for file in files]
        inside = [path for place in given for path in ([place] if not place.is_dir() else place.rglob("*"))]
        relative = frozenset(
            file.relative_to(root).as_posix() for file in inside if file.is_relative_to(root)
        )
        others = {name: Path(path) for name, path in (named or {}).items()}
        return cls(root, relative, config, others, Path(benchmarks) if benchmarks else None)

    @property
    def studies_config(self) -> list[Mapping[str, Any]]:
        """Return the settings of the collection's studies."""
        return list(self.config.get("studies", []))

    @property
    def studies(self) -> list[str]:
        """Return the ids of the collection's studies."""
        return [study["id"] for study in self.studies_config]

    @property
    def table_rows(self) -> int:
        """Return the maximum number of rows of a table."""
        return int(self.settings("report").get("table_rows", 20))

    def settings(self, stage: str) -> Mapping[str, Any]:
        """Return the settings of a stage (empty if it has none)."""
        return self.config.get(stage) or {}

    def has(self, *names: str) -> bool:
        """Return whether files exist; ``*`` matches any study."""
        return all(bool(self.matching(name)) for name in names)

    def path(self, name: str) -> Path:
        """Return the path of a file.

        Raises
        ------
        KeyError
            If the file is not listed.
        """
        if name in self.named:
            return self.named[name]
        if name in self.files:
            return self.root / name
        raise KeyError(f"the report was not given {name}")

    def table(self, name: str, **kwargs) -> pd.DataFrame:
        """Read a TSV table; ``*`` in the name reads it for every study, one below the other."""
        if "*" not in name:
            return read_tsv(self.path(name), **kwargs)
        return pd.concat([self.table(path, **kwargs) for path in self.matching(name)], ignore_index=True)

    def figures(self, pattern: str) -> list[str]:
        """Return the stems of the figures whose path (without suffix) matches a pattern with ``*``."""
        stems = {
            str(PurePosixPath(file).with_suffix("")) for file in self.files if file.endswith((".png", ".svg"))
        }
        return sorted(stem for stem in stems if _fits(stem, pattern))

    def picture(self, stem: str, title: str, *, caption: str | None = None) -> Picture:
        """Embed a figure: its PNG with a palette, or its SVG where that is smaller.

        Parameters
        ----------
        stem
            Path without suffix relative to the report.
        title
            Title of the figure.
        caption
            Caption of the figure; None for none.
        """
        there = {kind: f"{stem}.{kind}" for kind in ("svg", "png", "pdf") if f"{stem}.{kind}" in self.files}
        svg, png = (self.path(there[kind]).read_bytes() if kind in there else None for kind in ("svg", "png"))
        if svg is None and png is None:
            raise KeyError(f"the report was not given the figure {stem}")
        uri, width = embedded(svg, png)
        return Picture(uri, width, title, caption or "", tuple(there.values()))

    def matching(self, name: str) -> list[str]:
        """Return the files of a name, sorted; ``*`` matches any study, sample or line."""
        if "*" not in name:
            return [name] if name in self.files or name in self.named else []
        return sorted(file for file in self.files if _fits(file, name))


def _fits(path: str, pattern: str) -> bool:
    """Return whether a path matches a pattern in which ``*`` matches anything but a slash."""
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def caption(name: str) -> str:
    """Return the caption of a figure from ``workflow/report/<name>.rst`` as plain text."""
    text = (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8")
    return " ".join(text.replace("**", "").replace("``", "").replace("*", "").split())
