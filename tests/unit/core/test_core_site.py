"""The documents hang together: every page is in the site's contents, and every link leads somewhere."""

import base64
import html
import inspect
import io
import json
import posixpath
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panscape.config.schema import schema, walk
from panscape.report.explorer import embed

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
LIBRARY = ROOT / "workflow" / "panscape"
sys.path.append(str(DOCS / "extensions"))

import configuration  # noqa: E402
import gallery  # noqa: E402
import interface  # noqa: E402
import links  # noqa: E402
import site_pages  # noqa: E402
import stored_examples  # noqa: E402
import tutorials  # noqa: E402

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
    assert "had not run" in generated["gallery.md"]
    stored = generated["gallery.md"].count("{image}")
    folders = [stored_examples.STORED / name / "figures" for name in stored_examples.EXAMPLES]
    assert stored == sum(len(list(folder.glob("*.png"))) for folder in folders) > 0
    one = gallery.FIGURES["Coexpression landscape"][0]
    drawn = tmp_path / "demo" / f"{one.path}.png"
    drawn.parent.mkdir(parents=True)
    Image.new("RGBA", (1600, 800)).save(drawn)
    text = gallery.page(tmp_path, tmp_path / "demo")
    assert "had not run" not in text and text.count("{image}") == stored + 1
    small = re.findall(r"\{image\} (\S+)", text)[-1]
    assert Image.open(tmp_path / small).size == (gallery.WIDTH, gallery.WIDTH // 2)
    assert all(f"\n### {title}\n" in text for title in gallery.FIGURES)


def test_stored_examples_are_small_and_whole(tmp_path):
    size = 0
    for folder in stored_examples.STORED.iterdir():
        figures = stored_examples.EXAMPLES[folder.name][2]
        assert {path.name for path in (folder / "figures").glob("*.png")} == {
            stored_examples.stored_name(one) for one in figures
        }
        size += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    size += sum(path.stat().st_size for path in tutorials.SOURCES.glob("*"))
    assert size < 1_500_000
    made = stored_examples.reports(tmp_path)
    assert sorted(made) == sorted(path.name for path in stored_examples.STORED.iterdir())
    for path in tmp_path.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert 'class="file"' not in text and "What was found, and what to believe" in text
        assert all(len(one) > 10_000 for one in re.findall(r'class="library"[^>]*>([^<]*)<', text))


def test_a_stored_report_has_small_figures_and_gets_the_programs_back(monkeypatch):
    picture = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (400, 900, 3), dtype=np.uint8)
    Image.fromarray(noise).save(picture, "PNG")
    data = base64.b64encode(picture.getvalue()).decode()
    monkeypatch.setattr("panscape.report.explorer.embed.library", lambda: ("one();",))
    policy = html.escape(embed.policy(["own();", "one();"]))
    page = (
        f'<meta content="{policy}"><header>title</header>'
        + 2 * f'<img src="data:image/png;base64,{data}" width="450" alt="the map">'
        + '<a class="file" href="x.tsv" title="t">x</a>'
        '<script type="text/plain" class="library" id="library-1">packed</script>'
    )
    light = stored_examples.light(page)
    assert "packed" not in light and "href" not in light and ">x<" in light
    assert light.count("<img") == 1 and light.count("the map") == 2 and stored_examples.NOTE in light
    assert len(light) < len(page) / 3 and 'width="450"' in light
    again = stored_examples.whole(light)
    assert f'id="library-1">{embed.packed("one();")}<' in again
    with pytest.raises(ValueError, match="another version of Bokeh"):
        stored_examples.whole(light.replace("sha256-", "sha256-0"))


def test_stored_outputs_belong_to_the_code_of_the_tutorials():
    stored = sorted(path.stem for path in tutorials.SOURCES.glob("*.json"))
    assert stored
    for name in stored:
        text = (tutorials.SOURCES / f"{name}.md").read_text(encoding="utf-8")
        outputs = json.loads((tutorials.SOURCES / f"{name}.json").read_text(encoding="utf-8"))
        made = json.loads(tutorials.notebook(tutorials.split(text), outputs, name))
        code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
        assert len(code) > 5 and all(compile(cell["source"], name, "exec") for cell in code)
        shown = {form for cell in code for one in cell["outputs"] for form in one.get("data", {})}
        assert shown == {"image/png", "text/html"}
        with pytest.raises(tutorials.Stale, match=f"{name}.md: its outputs are of other code"):
            tutorials.notebook(
                tutorials.split(text.replace("import pandas as pd", "import pandas")), outputs, f"{name}.md"
            )


def test_outputs_are_kept_in_one_form_without_what_went_to_stderr():
    table = {
        "output_type": "execute_result",
        "data": {"text/plain": "a", "text/html": "<b>a</b>"},
        "metadata": {},
    }
    streams = [{"output_type": "stream", "name": name, "text": name} for name in ("stdout", "stderr")]
    kept = tutorials.kept([table, *streams])
    assert [one.get("data", one.get("text")) for one in kept] == [{"text/html": "<b>a</b>"}, "stdout"]


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


def test_a_tutorial_that_has_not_run_shows_its_code_and_says_so():
    made = json.loads(tutorials.notebook(tutorials.split("# T\n\n```{code-cell}\n1\n```\n"), None, "t.md"))
    assert [cell["source"] for cell in made["cells"]] == ["# T", tutorials.NOT_RUN, "1"]
    assert made["cells"][2]["outputs"] == []
