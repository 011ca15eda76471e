"""The documents hang together: every page is in the site's contents, and every link leads somewhere."""

import inspect
import posixpath
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from panscape.config.schema import schema, walk

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
LIBRARY = ROOT / "workflow" / "panscape"
sys.path.append(str(DOCS / "extensions"))

import configuration  # noqa: E402
import gallery  # noqa: E402
import interface  # noqa: E402
import links  # noqa: E402
import site_pages  # noqa: E402

PAGES = sorted(DOCS.glob("*.md"))
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *PAGES,
    *(ROOT / name for name in ("config/README.md", "resources/README.md", "results/README.md")),
    ROOT / "tests/real/README.md",
]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Return name -> text of the generated pages, made where the demo has not run."""
    folder = tmp_path_factory.mktemp("generated")
    return site_pages.contents(folder, folder / "no demo")


def in_contents(text):
    """Return what the toctrees of a Markdown page name."""
    blocks = re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(":")]


def anchors(text):
    """Return the anchors of a Markdown text's headings, as code hosts and MyST make them."""
    found = []
    links.outside_fences(text, lambda part: found.extend(re.findall(r"^#+ (.*)$", part, re.M)) or part)
    plain = [re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in found]
    return {heading.replace(" ", "-") for heading in plain}


def test_every_page_is_in_the_contents_once(generated):
    listed = in_contents((DOCS / "index.md").read_text(encoding="utf-8"))
    assert len(listed) == len(set(listed))
    own = {name for name in listed if not name.startswith("generated/")}
    assert own == {path.stem for path in PAGES} - {"index"}
    made = {f"generated/{name.rsplit('.', 1)[0]}" for name in generated}
    assert {name for name in listed if name not in own} <= made
    inside = set(in_contents(generated["configuration/index.md"]))
    assert {f"generated/configuration/{name}" for name in inside} <= made


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(path):
    text = path.read_text(encoding="utf-8")
    for target in links.relative_links(text):
        name, _, anchor = target.partition("#")
        if name.startswith("generated/"):
            continue  # of the site alone; the next test follows them
        to = (path.parent / name).resolve() if name else path
        assert to.exists() and to.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(to.read_text(encoding="utf-8")), target


def test_links_of_the_sites_pages_lead_to_pages(generated):
    texts = {f"docs/generated/{name}": text for name, text in generated.items() if name.endswith(".md")}
    for path in PAGES:
        name = path.relative_to(ROOT).as_posix()
        texts[name] = links.adapt(path.read_text(encoding="utf-8"), name, name.removesuffix(".md"))
    there = {*texts, *(f"docs/generated/{name}" for name in generated)}
    followed = 0
    for name, text in texts.items():
        for target in links.relative_links(text):
            to, _, anchor = target.partition("#")
            place = posixpath.normpath(posixpath.join(posixpath.dirname(name), to)) if to else name
            assert place in there, (name, target)
            assert not anchor or anchor in anchors(texts[place]), (name, target)
            followed += 1
    assert followed > 30


def test_links_are_rewritten_between_files_and_pages():
    text = "[a](docs/faq.md#data) [b](CHANGELOG.md) [c](Makefile) [d](https://x.org) [e](#f)"
    expected = "[a](../faq.md#data) [b](changelog.md) `c` [d](https://x.org) [e](#f)"
    fence = "\n```\n[g](h.md)\n```\n"
    text, expected = text + fence, expected + fence
    assert links.adapt(text, "CONTRIBUTING.md", "docs/generated/contributing") == expected


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_that_developers_are_sent_to_exist(name):
    """Paths in backticks start at the root of the repository or at the library; `hello` is the example."""
    text = (ROOT / name).read_text(encoding="utf-8")
    named: list[str] = []
    links.outside_fences(text, lambda part: named.extend(re.findall(r"`([\w./-]+)`", part)) or part)
    paths = [
        path for path in named if re.search(r"/.*\.(py|smk|yaml|md|json|toml)$", path) or path.endswith("/")
    ]
    made = ("docs/_build", "results/", "resources/", "logs/", "benchmarks/", "landscape/", "figures/")
    paths = [
        path for path in paths if "hello" not in path and "greet" not in path and not path.startswith(made)
    ]
    assert len(paths) > 15
    missing = [path for path in paths if not any((base / path).exists() for base in (ROOT, LIBRARY))]
    assert not missing


def test_the_configuration_has_a_target_for_every_key(generated):
    text = "\n".join(text for name, text in generated.items() if name.startswith("configuration/"))
    sections = {name for name, _ in walk(schema()) if f"configuration/{name}.md" in generated}
    assert len(sections) > 10
    for key, _ in walk(schema()):
        assert key in sections or f"\n(setting-{key})=\n" in text, key
    assert "| `" not in text


def test_renamed_keys_are_listed_with_what_replaced_them(generated):
    part = {"x-renamed": {"old": "part.new", "gone": None, "more": {"to": "less", "minus": 1}}}
    table = configuration.renamed_table({"properties": {"part": part}})
    assert "| `part.old` | `part.new` |" in table and "| `part.gone` | nothing" in table
    assert "| `part.more` | `part.less` (1 less) |" in table
    assert generated["renamed.inc"].count("\n") > 2


def test_every_offered_name_is_in_the_reference(generated):
    for module in interface.packages():
        text = generated[f"api/{module.__name__}.rst"]
        for name in interface.offered(module):
            item = getattr(module, name)
            shown = item.__name__ if inspect.ismodule(item) else rf"(\S+\.)?{name}"
            assert re.search(rf"^\.\. \S+:: {shown}$", text, re.MULTILINE), (module.__name__, name)
        assert f" <{module.__name__}>\n" in generated["api/index.rst"]


def test_the_gallery_shows_what_the_demo_drew_and_names_the_rest(tmp_path, generated):
    assert "had not run" in generated["gallery.md"] and "{image}" not in generated["gallery.md"]
    one = gallery.FIGURES["Coexpression landscape"][0]
    drawn = tmp_path / "demo" / f"{one.path}.png"
    drawn.parent.mkdir(parents=True)
    Image.new("RGBA", (1600, 800)).save(drawn)
    text = gallery.page(tmp_path, tmp_path / "demo")
    assert "had not run" not in text and text.count("{image}") == 1
    small = re.search(r"\{image\} (\S+)", text)[1]
    assert Image.open(tmp_path / small).size == (gallery.WIDTH, gallery.WIDTH // 2)
    assert all(f"\n## {title}\n" in text for title in gallery.FIGURES)


def test_figures_of_the_gallery_have_a_caption_and_are_made_by_a_rule_of_their_stage():
    for one in (figure for figures in gallery.FIGURES.values() for figure in figures):
        assert (gallery.CAPTIONS / f"{one.caption}.rst").is_file(), one
        rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
        stage, name = one.path.split("/")[0], Path(one.path).name
        # maps are named by a collection's columns, quality control by its studies
        made = rf"\"{name}\": \"|results/.*{stage}/.*/{name}\.|{stage}/figures/.*name"
        assert re.search(made, rules), one


@pytest.mark.parametrize("folder", ["resources", "results"])
def test_folders_of_runs_have_a_readme_and_git_ignores_the_rest(folder):
    assert (ROOT / folder / "README.md").is_file()
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    names = [f"{folder}/README.md", f"{folder}/mine/report.html", f"{folder}/other"]
    run = subprocess.run(["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.split() == names[1:]


def test_files_to_rely_on_are_made_by_rules():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    text = (ROOT / "results/README.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert len(files) > 40
    for name in files:
        assert re.search(rf"[/\"]{re.escape(name.rsplit('/', 1)[-1])}\"", rules), name
        if not name.startswith("sivae/{line}/"):  # whose names are put together
            assert (
                f'"results/{{collection}}/{name}"' in rules
                or f"{{{{collection}}}}/{name}" in rules
                or (name.startswith(("landscape/", "networks/", "unicoord/")))
            ), name


def test_making_clean_leaves_the_readmes():
    recipe = re.search(r"^clean:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    removed = recipe.replace("rm -rf", "").split()
    assert "results/demo" in removed and not {"results", "results/", "resources"} & set(removed)
