"""A script's digest follows the behaviour of the code that it reaches, and nothing else."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from panscape.pipeline import provenance
from panscape.pipeline.preflight.why import reaching
from panscape.pipeline.provenance.closure import Code
from panscape.pipeline.provenance.data import data_files
from panscape.pipeline.provenance.facts import read_facts

WORKFLOW = Path(provenance.__file__).parents[3]

FILES = {
    "__init__.py": '"""The library."""\n__version__ = "1"\n',
    "stage/__init__.py": '"""Faces."""\nfrom panscape.stage._a import run\n'
    "from panscape.stage._c import other\n"
    'from panscape.stage import _named as naming\n__all__ = ["run", "other"]\n',
    "stage/_a.py": '"""Doc."""\nfrom . import _b\nLEVEL = 3\n\n\n'
    'def run(x: int = 1) -> int:\n    """Run."""\n'
    "    from panscape import late\n    return _b.x + late.y\n",
    "stage/_b.py": "x = 1\n",
    "stage/_c.py": "from panscape.far import z\n\n\ndef other():\n    return z\n",
    "stage/_named.py": "name = 'n'\n",
    "late.py": "y = 1\n",
    "far.py": "z = 1\n",
    "shared.py": "def table(rows):\n    return rows\n",
}
SCRIPT = '"""Step."""\nfrom panscape import stage\n\nstage.run()\n'


class Library:
    def __init__(self, folder):
        self.package, self.script = folder / "panscape", folder / "step.py"
        for name, text in FILES.items():
            self.write(name, text)
        self.script.write_text(SCRIPT)

    def write(self, name, text):
        path = self.package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name, old, new):
        text = (self.package / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def digest(self, **options):
        return Code(self.package, **options).digest(self.script)

    def modules(self):
        return set(Code(self.package).reached(self.script).modules) - {"<script>"}


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path)


def test_names_lead_to_the_modules_that_define_them(library):
    assert library.modules() == {"panscape.stage._a", "panscape.stage._b", "panscape.late"}
    assert Code(library.package).reached(library.script).chain("panscape.late") == [
        "<script>", "panscape.stage._a", "panscape.late",
    ]  # fmt: skip
    library.script.write_text("from panscape.stage import naming\nprint(naming.name)\n")
    assert library.modules() == {"panscape.stage._named"}
    library.script.write_text("import panscape.stage as s\nprint(s.other())\n")
    assert library.modules() == {"panscape.stage._c", "panscape.far"}
    library.script.write_text("from panscape.stage import _a\nprint(_a.LEVEL)\n")
    assert "panscape.stage._a" in library.modules()


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("stage/_b.py", "x = 1", "x  =  1  # a remark"),
        ("stage/_a.py", '"""Doc."""', '"""Another text."""'),
        ("stage/_a.py", '    """Run."""\n', ""),
        ("stage/_a.py", "LEVEL = 3", 'LEVEL = 3\n"""Of a variable."""'),
        ("stage/_a.py", "x: int = 1) -> int:", "x: float = 1):"),
        ("stage/__init__.py", '"""Faces."""', '"""All faces."""'),
        ("stage/_c.py", "return z", "return z + 1"),  # not reached
        ("far.py", "z = 1", "z = 2"),
        ("__init__.py", '"1"', '"2"'),
        ("stage/__init__.py", '__all__ = ["run", "other"]', '__all__ = ["run"]'),
    ],
)  # fmt: skip
def test_what_changes_no_behaviour_changes_no_digest(library, name, old, new):
    before = library.digest()
    library.edit(name, old, new)
    assert library.digest() == before


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("stage/_b.py", "x = 1", "x = 2"),
        ("late.py", "y = 1", "y = 2"),
        ("stage/_a.py", "x: int = 1", "x: int = 2"),
        ("stage/_a.py", "LEVEL = 3", "LEVEL = 4"),
        # the same modules, but another one behind the name
        (
            "stage/__init__.py",
            "from panscape.stage._a import run",
            "from panscape.stage._a import LEVEL as run",
        ),
        # importing the package does something
        ("stage/__init__.py", "__all__", "import os\nos.environ['A'] = '1'\n__all__"),
        ("__init__.py", "__version__", "import numpy\nnumpy.seterr(all='ignore')\n__version__"),
        # so does importing what the package passes on, and what that imports
        ("stage/_c.py", "def other", "import numpy\n_ = numpy.seterr(all='ignore')\n\n\ndef other"),
        ("far.py", "z = 1", "import sys\nsys.path.append('x')\nz = 1"),
        ("stage/_c.py", "def other", "def register(f):\n    return f\n\n\n@register\ndef other"),
    ],
)
def test_what_may_change_behaviour_changes_the_digest(library, name, old, new):
    before = library.digest()
    library.edit(name, old, new)
    assert library.digest() != before


def test_effects_of_an_import_are_followed_where_they_lead(library):
    library.edit("far.py", "z = 1", "import panscape.shared\npanscape.shared.table(1)\nz = 1")
    before = library.digest()
    library.edit("shared.py", "return rows", "return [*rows]")
    assert library.digest() != before


REACHES_FAR = {
    "by name": "import importlib\nimportlib.import_module('panscape.far').z\n",
    "relative": "import importlib\nimportlib.import_module('.far', 'panscape').z\n",
    "computed": "import importlib\nname = 'f' + 'ar'\nimportlib.import_module('panscape.' + name).z\n",
    "another process": "import subprocess\nsubprocess.run(['python', '-c', 'import panscape.far'])\n",
    "in an f-string": 'code = f"from panscape.far import z; print({1})"\n',
    "as an object": "from panscape import stage\nprint(getattr(stage, 'oth' + 'er')())\n",
    "everything": "from panscape.stage import *\nother()\n",
    "inside a function": "def f():\n    import panscape.far as g\n    return g.z\n",
    "inside a lambda": "from panscape import far\nf = lambda: [far.z for _ in range(2)]\n",
    "as a default": "from panscape import far\ndef f(x=far.z):\n    return x\n",
    "as a base": "from panscape import far\nclass A(far.z):\n    pass\n",
    "as a decorator": "from panscape import far\n@far.z\ndef f():\n    pass\n",
    "in a method": "class A:\n    from panscape import far\n    def f(self):\n        return self.far.z\n"
    "    x = far.z\n",
    "global": "def f():\n    global far\n    from panscape import far\n    return far.z\n",
    "passed on": "from panscape.lazy import z\nprint(z)\n",
    "an attribute of a lazy face": "import panscape.lazy\nprint(panscape.lazy.z)\n",
    "a dispatcher": "import functools\nfrom panscape import far\n"
    "@functools.singledispatch\ndef f(x):\n    pass\n"
    "@f.register\ndef g(x: far.z):\n    pass\n",
}


@pytest.mark.parametrize("how", REACHES_FAR)
def test_no_way_to_reach_a_module_is_missed(library, how):
    library.write("lazy/_inner.py", "from panscape.far import z\n")
    library.write(
        "lazy/__init__.py",
        "import importlib\n_HOME = {'z': '_inner'}\n\n\ndef __getattr__(name):\n"
        "    return getattr(importlib.import_module(f'panscape.lazy.{_HOME[name]}'), name)\n",
    )
    library.script.write_text(REACHES_FAR[how])
    before = library.digest()
    library.edit("far.py", "z = 1", "z = 2")
    assert library.digest() != before


FACE = """from panscape.lazy import attach
if TYPE_CHECKING:
    from panscape.far import z as z
__getattr__, __dir__, __all__ = attach(__name__, {"z": "panscape.far", "y": "panscape.late"})
"""


def test_a_lazy_face_is_followed_name_by_name(library):
    library.write("lazy.py", "def attach(package, names):\n    pass\n")
    library.write("face/__init__.py", FACE)
    library.write("face/inner.py", "x = 1\n")
    library.script.write_text("from panscape.face.inner import x\nprint(x)\n")
    assert library.modules() == {"panscape.face.inner"}
    for text in ("from panscape.face import z\nprint(z)\n", "import panscape.face as f\nprint(f.z)\n"):
        library.script.write_text(text)
        assert library.modules() == {"panscape.far"}
    library.script.write_text("from panscape import face\nprint(getattr(face, 'z'))\n")
    assert {"panscape.face", "panscape.far", "panscape.late"} <= library.modules()
    before = library.digest()
    library.write("face/__init__.py", FACE.replace('"z": "panscape.far"', '"z": HOMES["z"]'))
    library.edit("far.py", "z = 1", "z = 2")  # a computed mapping may lead anywhere
    assert library.digest() != before and "panscape.far" in library.modules()


def test_a_local_name_is_not_the_module_of_that_name(library):
    library.script.write_text(
        "from panscape import far, late\n\n\ndef f(far):\n    return far.z, [late for late in far]\n\n\n"
        "late.y\n"
    )
    assert library.modules() == {"panscape.late"}


def test_imports_for_type_checking_do_not_count(library):
    before = library.digest()
    library.edit("stage/_a.py", "LEVEL", "if TYPE_CHECKING:\n    from panscape.far import z\nLEVEL")
    assert library.digest() == before


def test_docstrings_count_for_code_that_reads_them(library):
    library.edit("stage/_b.py", "x = 1", "x = __doc__")
    before = library.digest()
    library.edit("stage/_a.py", '"""Run."""', '"""Run it."""')
    assert library.digest() != before


def test_fields_of_a_dataclass_count(library):
    library.edit("stage/_b.py", "x = 1", "class A:\n    x: int = 1\n")
    before = library.digest()
    library.edit("stage/_b.py", "x: int", "x: ClassVar[int]")
    assert library.digest() != before


def test_templates_and_schemas_count_and_what_compilers_leave_does_not(library):
    library.edit(
        "late.py", "y = 1", "from pathlib import Path\nFOLDER = Path(__file__).parents[1] / 'schemas'\ny = 1"
    )
    schema = library.package.parent / "schemas/a.yaml"
    schema.parent.mkdir()
    schema.write_text("default: 1")
    before = library.digest()
    (library.package / "stage/__pycache__").mkdir()
    (library.package / "stage/__pycache__/kernel.nbi").write_text("compiled")
    assert library.digest() == before
    schema.write_text("default: 2")
    after = library.digest()
    assert after != before
    library.write("stage/page.html", "<p>")
    page = library.digest()
    assert page not in (before, after)
    (library.package / "stage/parts").mkdir()
    (library.package / "stage/parts/page.html").write_text("<p>")
    assert library.digest() not in (before, after, page)
    library.edit("far.py", "z = 1", "open(__file__ + 'x')\nz = 1")  # not reached


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Path(__file__).parent / 'templates'", "/w/panscape/stage/templates"),
        ("Path(__file__).resolve().parents[2] / 'schemas' / name", "/w/schemas"),
        ("Path(__file__).with_name('a.md')", "/w/panscape/stage/a.md"),
        ("os.path.join(os.path.dirname(__file__), 'a', 'b')", "/w/panscape/stage/a/b"),
        ("HERE = Path(__file__).parent\nHERE.joinpath('x')", "/w/panscape/stage/x"),
        ("read(__file__.replace('a', 'b'))", "*"),
        ("import panscape\nopen(panscape.__file__)", "*"),
    ],
)
def test_places_of_data(text, expected):
    import ast

    assert expected in data_files(ast.parse(text), Path("/w/panscape/stage/_a.py"))


def test_an_unchanged_file_is_read_once_for_all_runs(library, tmp_path, monkeypatch):
    past = time.time() - 100
    for path in library.package.parent.rglob("*.py"):
        os.utime(path, (past, past))
    cache = tmp_path / "somewhere/code.json"
    before = library.digest(cache=cache)
    assert cache.is_file() and before == library.digest()
    parsed = []
    monkeypatch.setattr(
        "panscape.pipeline.provenance.closure.read_facts", lambda *a: parsed.append(a[1]) or read_facts(*a)
    )
    assert library.digest(cache=cache) == before and parsed == []
    library.edit("late.py", "y = 1", "y = 2")  # of the same size, but of another time
    changed = library.digest(cache=cache)
    assert changed != before and parsed == ["panscape.late"]
    # changed within the clock's tick it could change again unseen, so it is not kept
    assert library.digest(cache=cache) == changed and parsed == ["panscape.late"] * 2
    for text in ("no json", json.dumps({"key": "old", "files": {}}), "[]"):
        cache.write_text(text)
        assert library.digest(cache=cache) == changed


def test_a_place_that_cannot_be_written_is_no_error(library, tmp_path):
    (tmp_path / "file").write_text("")
    assert library.digest(cache=tmp_path / "file/code.json") == library.digest()


@pytest.fixture(scope="module")
def code():
    return Code()


def test_the_librarys_scripts_reach_what_they_need_and_little_else(code):
    reached = {path.stem: code.reached(path) for path in sorted((WORKFLOW / "scripts").glob("*.py"))}
    assert len(reached) > 50
    sizes = sorted(len(one.modules) for one in reached.values())
    assert sizes[len(sizes) // 2] < 45 and sizes[-2] < 100  # of some 570 modules
    assert max(reached, key=lambda name: len(reached[name].modules)) == "write_report"  # it reads them all
    trains = {name for name, one in reached.items() if "panscape.unicoord.losses" in one.modules}
    assert "train_unicoord" in trains and not trains & {"build_landscape", "find_panclusters", "train_lines"}
    assert "panscape.training.loop" in reached["train_lines"].modules
    assert "panscape.graph.louvain" in reached["find_panclusters"].modules
    assert {"report.html.j2", "start.js", "config.schema.yaml"} <= {
        path.name for path in reached["write_report"].data
    }
    for name, one in reached.items():
        files = {path.name for path in one.data}
        if name != "write_report":
            assert files == ({"human.txt", "mouse.txt"} if name == "filter_cells" else set()), name


DRAWS = re.compile(r"plot_\w+|write_report")


@pytest.mark.parametrize("module", ["palette", "style", "maps", "trajectory", "coordinates", "names"])
def test_a_plotting_helper_counts_for_figures_and_report_alone(module, code):
    chains = reaching(WORKFLOW.parent, WORKFLOW / f"panscape/plot/{module}.py", code)
    assert chains and all(DRAWS.fullmatch(name) for name in chains), chains


@pytest.mark.parametrize(
    "module, trains",
    [
        ("unicoord/losses", {"train_unicoord", "restore_cells"}),
        ("coem/likelihoods", {"embed_cells"}),
        ("sivae/module", {"train_lines"}),
        ("training/distributions", {"train_unicoord", "restore_cells", "embed_cells", "train_lines"}),
    ],
)
def test_a_training_loss_counts_for_what_trains_alone(module, trains, code):
    chains = reaching(WORKFLOW.parent, WORKFLOW / f"panscape/{module}.py", code)
    assert set(chains) == trains
    assert all(chain[-1] == f"panscape.{module.replace('/', '.')}" for chain in chains.values())
