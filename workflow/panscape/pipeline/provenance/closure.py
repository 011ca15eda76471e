"""Digest of a script and of all library code that it reaches."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from panscape.pipeline.provenance.data import EVERYTHING
from panscape.pipeline.provenance.facts import Cache, Facts, file_digest, read_facts
from panscape.pipeline.provenance.names import LIBRARY

PACKAGE = Path(__file__).parents[2]
SCRIPT = "<script>"
Target = tuple[str, str, str]  # a module, "code" or "whole" of it, and the name that it defines


@dataclass
class Reached:
    """Code and data that a script reaches.

    Attributes
    ----------
    modules
        Mapping of modules whose code counts to the module that refers to them.
    loaded
        Modules imported on the way, which count if their import has side effects.
    links
        Descriptions of the module that each name resolves to.
    data
        Data files.
    """

    modules: dict[str, str] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    data: set[Path] = field(default_factory=set)

    def chain(self, module: str) -> list[str]:
        """Return the chain of modules from the script to a module, including both."""
        chain = [module]
        while chain[-1] != SCRIPT:
            chain.append(self.modules[chain[-1]])
        return chain[::-1]


class Code:
    """Source files of the library and their dependencies.

    Names are resolved through re-exporting packages to the modules that define them, so that a module counts
    for the scripts that use it. Modules imported on the way count if their import has side effects. What
    static analysis cannot resolve (modules passed as objects, imports of computed names, `__getattr__`)
    counts with all candidates.

    Comments, formatting, docstrings and annotations do not count, so that only changes of behaviour cause
    reruns. Templates and other data files next to the code do count.

    Parameters
    ----------
    package
        Folder of the library.
    cache
        File of the cache; None disables it.
    """

    def __init__(self, package: Path = PACKAGE, cache: Path | None = None):
        self.package = Path(package)
        self.cache = Cache(cache)
        self.paths: dict[str, Path] = {}
        self.others: dict[Path, list[Path]] = {}  # folder -> files that are not code
        for path in sorted(self.package.rglob("*")):
            # caches of interpreter and compiler are not data
            if "__pycache__" in path.parts or not path.is_file():
                continue
            if path.suffix != ".py":
                self.others.setdefault(path.parent, []).append(path)
                continue
            parts = [LIBRARY, *path.relative_to(self.package).with_suffix("").parts]
            self.paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        self._inside: dict[Path, list[Path]] = {}  # package -> files that are not code
        self._facts: dict[str, Facts] = {}
        self._targets: dict[tuple[str, str], tuple[Target, ...]] = {}
        for name in self.paths:
            self.facts(name)
        for script in (self.package.parent / "scripts").glob("*.py"):  # so that the cache is written once
            self._script(script)
        self.cache.save()

    def facts(self, module: str) -> Facts:
        """Return the facts of a module's file."""
        if module not in self._facts:
            self._facts[module] = self.cache.get(self.paths[module], read_facts, module)
        return self._facts[module]

    def digest(self, script: Path) -> str:
        """Return the digest of a script and of all code and data that it reaches."""
        reached = self.reached(script)
        facts = {name: self.facts(name) for name in reached.modules if name != SCRIPT}
        facts[SCRIPT] = self._script(script)
        documented = any(one.reads_docstrings for one in facts.values())
        lines = [f"{name} {one.documented if documented else one.digest}" for name, one in facts.items()]
        lines += [f"{path.name} {self.cache.get(path, file_digest)}" for path in reached.data]
        self.cache.save()
        return hashlib.sha256("\n".join(sorted([*lines, *reached.links])).encode()).hexdigest()[:16]

    def _script(self, script: Path) -> Facts:
        return self.cache.get(Path(script), read_facts, SCRIPT)

    def reached(self, script: Path) -> Reached:
        """Return the code and data that a script reaches."""
        reached = Reached()
        self._follow(reached, SCRIPT, self._script(script), SCRIPT)
        return reached

    def _follow(self, reached: Reached, module: str, facts: Facts, parent: str) -> None:
        """Add a module and all that it refers to."""
        queue = deque([(module, facts, parent)])
        while queue:  # breadth first, so that chains are short
            module, facts, parent = queue.popleft()
            if module in reached.modules:
                continue
            reached.modules[module] = parent
            targets: set[Target] = set()
            for base, name in facts.uses:
                to = self.targets(base, name)
                reached.links.add(f"{module}: {base}.{name} is {to}")
                targets.update(to)
            for name in facts.mentions:
                targets.update(self._mentioned(name))
            if facts.anything:
                targets.update(("code", name, "") for name in self.paths)
            loaded = [name for base, name_ in facts.loads for name in self._loads(base, name_)]
            effective = self._load(reached, [*loaded, *([module] if module != SCRIPT else [])])
            reached.data.update(self._data(module, facts))
            new = {name for target in targets for name in self._expanded(target)} | effective
            queue += [(name, self.facts(name), module) for name in sorted(new) if name not in reached.modules]

    def _expanded(self, target: Target) -> list[str]:
        """Return a module and, if all of it is used, the modules that define the names it re-exports."""
        modules, queue = [], [target]
        while queue:
            kind, module, _ = queue.pop()
            if module in modules:
                continue
            modules.append(module)
            if kind == "whole":
                facts = self.facts(module)
                queue += [to for base, name in facts.binds.values() for to in self.targets(base, name)]
        return modules

    def _load(self, reached: Reached, modules: list[str]) -> set[str]:
        """Record imported modules, with their imports; return those whose import has effects."""
        effective, queue = set(), list(modules)
        while queue:
            module = queue.pop()
            if module in reached.loaded or module not in self.paths:
                continue
            reached.loaded.add(module)
            facts = self.facts(module)
            if facts.effects:
                effective.add(module)
            queue.append(module.rpartition(".")[0])
            queue += [name for base, name_ in facts.at_once for name in self._loads(base, name_)]
        return effective

    def _loads(self, base: str, name: str) -> list[str]:
        inner = f"{base}.{name}"
        return [base, inner] if name and inner in self.paths else [base]

    def targets(self, module: str, name: str) -> tuple[Target, ...]:
        """Return the modules that a dotted name in a module resolves to."""
        key = (module, name)
        if key not in self._targets:
            self._targets[key] = ()  # ends import cycles
            self._targets[key] = tuple(dict.fromkeys(self._resolve(module, name)))
        return self._targets[key]

    def _resolve(self, module: str, name: str) -> list[Target]:
        if module not in self.paths:
            return []
        if not name:
            return [("whole", module, "")]
        head, _, rest = name.partition(".")
        facts = self.facts(module)
        targets: list[Target] = []
        bound = facts.binds.get(head)
        if bound and bound != [module, head]:
            targets += self.targets(bound[0], ".".join(filter(None, [bound[1], rest])))
        if head in facts.defines:
            targets.append(("code", module, head))
        if not targets and f"{module}.{head}" in self.paths:
            targets += self.targets(f"{module}.{head}", rest)
        if not targets:  # resolved at run time, by `__getattr__` or `*`
            targets.append(("whole", module, head))
            if "__getattr__" in facts.defines:
                targets += [("code", other, "") for other in self.paths if other.startswith(f"{module}.")]
        return targets

    def _mentioned(self, text: str) -> list[Target]:
        """Return the modules that a string names."""
        parts = text.split(".")
        ends = range(len(parts), 1, -1)
        known = next((".".join(parts[:end]) for end in ends if ".".join(parts[:end]) in self.paths), "")
        if not known:
            return []
        facts, rest = self.facts(known), parts[len(known.split(".")) :]
        if rest and rest[0] in {*facts.binds, *facts.defines}:
            return [*self.targets(known, rest[0])]
        return [("whole", known, "")]

    def _data(self, module: str, facts: Facts) -> list[Path]:
        """Return the data files that a module may read: those it names, and those of its package."""
        files = [] if module == SCRIPT else [*self._others_in(self.paths[module].parent)]
        for text in facts.data:
            place = self.package.parent if text == EVERYTHING else Path(text)
            if self.package.is_relative_to(
                place
            ):  # a folder that contains the library: anything in the workflow
                place = self.package.parent
            files += _files(place)
        return files

    def _others_in(self, folder: Path) -> list[Path]:
        """Return the files of a package that are not code; none of the library's own folder."""
        if folder not in self._inside:  # asked for once per module of every script
            places = () if folder == self.package else self.others
            self._inside[folder] = [
                path for place in places if place.is_relative_to(folder) for path in self.others[place]
            ]
        return self._inside[folder]


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [] if place.suffix == ".py" else [place]
    return [
        path
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".smk") and "__pycache__" not in path.parts
    ]
