"""The report in a real browser: Chromium (apt-get install chromium), driven by Playwright."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import anndata
import pytest
from test_report_explorer import enriched

from panscape.report.page import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("playwright", "bokeh")),
        reason="Playwright or Bokeh is not installed (envs/requirements-dev.txt)",
    ),
]
HOSTILE = "<img src=x onerror=alert(1)>"
READY = "html[data-explorer=ready]"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(collection, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    results = enriched(collection, folder, first=HOSTILE)
    path = results.path("landscape/landscape.h5ad")
    data = anndata.read_h5ad(path)
    data.obs_names = [f"{HOSTILE}{at}" if not at else name for at, name in enumerate(data.obs_names)]
    data.write_h5ad(path)
    write_report(results, results.root / "report.html", results.root / "methods.md")
    return results.root / "report.html"


@pytest.fixture
def opened(browser, report):
    """Yield the page in a context of its own; nothing may be wrong or requested at its end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    wrong, asked, alerts = [], [], []
    page.on(
        "console",
        lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page.goto(report.as_uri())
    page.wait_for_selector(READY)
    yield page
    context.close()
    outside = [url for url in asked if not url.startswith(("data:", "blob:")) and url != report.as_uri()]
    assert (wrong, outside, alerts) == ([], [], [])


def colours(page):
    return page.evaluate(
        """() => Bokeh.documents.flatMap((one) => [...one.all_models])
          .find((one) => one.type === "ColumnDataSource" && one.data.shown).data.colour.join()"""
    )


def find_gene(page, name):
    page.fill("#gene-search", name)
    page.press("#gene-search", "Enter")
    page.wait_for_selector("#gene-page:not([hidden])")
    return page.inner_text("#gene-page")


def test_the_map_is_drawn_and_hover_names_a_cluster(opened):
    box = opened.locator(".plot").bounding_box()
    assert box["width"] > 400
    tip = opened.get_by_text(re.compile(r"^pseudotime: "))
    for x in range(20, int(box["width"]), 9):
        for y in range(60, int(box["height"]), 45):
            opened.mouse.move(box["x"] + x, box["y"] + y)
            if tip.count() and tip.first.is_visible():
                return
    pytest.fail("no cluster of the map has a tooltip")


def test_the_map_is_recoloured_by_column_and_gene(opened):
    before = colours(opened)
    opened.select_option("#map-colour", label="study")
    after = colours(opened)
    assert after != before
    assert "early-embryo" in opened.inner_text(".legend")
    find_gene(opened, "gene5")
    assert colours(opened) not in (before, after)
    assert "Gene5" in opened.inner_text(".legend")


def test_a_class_of_the_legend_selects_its_clusters(opened):
    opened.select_option("#map-colour", label="study")
    opened.get_by_role("button", name="atlas").click()
    assert "40 clusters" in opened.inner_text(".about")
    assert "atlas (40)" in opened.inner_text(".about")


def test_search_leads_to_the_page_of_a_gene_and_on_to_its_neighbours(opened):
    text = find_gene(opened, HOSTILE)
    for part in (
        HOSTILE,
        "Along pseudotime",
        "Placed in 01 ",
        "tells beta from other cells",
        "connectivity",
        "Gene7 (3)",
        "in how many of 3 lines",
        "chr1:5-9",
    ):
        assert part in text
    assert opened.locator("#gene-page img").count() == 0
    opened.locator("#gene-page").get_by_role("button", name="Gene2", exact=True).first.click()
    assert opened.inner_text("#gene-page h3").startswith("Gene2")
    opened.fill("#gene-search", "nothing")
    opened.press("#gene-search", "Enter")
    assert "Nothing is called nothing" in opened.inner_text("[role=status]")


def test_keys_alone_open_a_gene_and_select_a_cluster(opened):
    name = opened.evaluate(
        "JSON.stringify(Bokeh.documents[0].roots()[0].renderers.at(-1).data_source.data.name)"
    )
    cluster = json.loads(name)[3]
    opened.focus("#gene-search")
    opened.keyboard.type(cluster)
    opened.keyboard.press("Enter")
    assert cluster in opened.inner_text(".about h3")
    assert opened.inner_text("[role=status]") == ""
    opened.keyboard.press("Tab")  # the pairs of the cluster are buttons
    assert opened.evaluate("document.activeElement.tagName") in ("BUTTON", "A", "DIV")
    opened.locator(".about button.gene").first.focus()
    opened.keyboard.press("Enter")
    assert opened.locator("#gene-page").is_visible()


CONTRAST = """() => {
  const parsed = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (rgb) => {
    const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const colour = parsed(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("#summary *, nav *, section > p")].flatMap((node) => {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest(".plot, option")) return [];
    const [a, b] = [light(parsed(getComputedStyle(node).color).slice(0, 3)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? [`${node.tagName} ${node.textContent.slice(0, 30)} ${ratio.toFixed(2)}`] : [];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    find_gene(opened, "Gene5")
    assert opened.evaluate(CONTRAST) == []


def test_a_table_is_sorted_filtered_and_downloaded(opened):
    opened.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    figure = opened.locator("#along figure.table").first
    figure.locator("th button", has_text="ρ").first.click()
    values = [
        float(text.replace("−", "-"))
        for text in figure.locator("tbody tr td:nth-child(2)").all_inner_texts()
        if text
    ]
    assert len(values) >= 8 and values == sorted(values)
    with opened.expect_download() as waiting:
        figure.get_by_role("button", name="TSV").click()
    lines = Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()
    assert waiting.value.suggested_filename.startswith("along-")
    assert lines[0].split("\t")[:2] == ["gene", "ρ"]
    assert len(lines) == 21 and lines[1].split("\t")[1].startswith("−0.9")
    assert any(HOSTILE in line for line in lines)
    figure.locator("input[type=search]").fill("Gene59")
    assert figure.locator("tbody tr:not([hidden])").count() == 1


@pytest.mark.parametrize("width", [420, 900, 1440])
def test_nothing_is_wider_than_the_page(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    opened.wait_for_timeout(300)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_works_without_javascript(browser, report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("#landscape-view img").count() == 1
    assert "supported" in page.inner_text("#summary") or "not better" in page.inner_text("#summary")
    page.locator("#along summary").first.click()
    assert page.locator("#along figure.table").first.is_visible()
    context.close()


def test_pictures_and_fields_have_names(opened):
    assert opened.evaluate("[...document.images].every((one) => one.alt.length > 3)")
    assert opened.evaluate(
        "[...document.querySelectorAll('input, select')].every((one) => one.labels.length || one.ariaLabel)"
    )
