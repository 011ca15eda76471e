// Start: tables at once, then the maps, if there are any.

function labelled(text, field) {
  return element("label", { htmlFor: field.id }, text, " ", field);
}

// The library is text of a known digest, which the page's policy allows as a script.
async function load(id) {
  const script = document.createElement("script");
  script.textContent = await unpacked(id);
  document.head.append(script);
}

function geneLinks(panel) {
  document.querySelectorAll("figure.table > table").forEach((table) => {
    if (!table.tHead) return;
    const columns = cells(table.tHead.rows[0]).flatMap((text, at) => (text === "gene" ? [at] : []));
    for (const row of table.tBodies[0].rows) {
      for (const at of columns) {
        const name = row.cells[at].textContent.trim();
        if (!panel.known.has(name)) continue;
        const button = panel.link(name);
        row.cells[at].replaceChildren(button);
      }
    }
  });
}

async function start() {
  equipTables();
  const data = JSON.parse(await unpacked("explorer-data"));
  if (!data.maps.length) return;
  for (const part of document.querySelectorAll("script.library")) await load(part.id);
  Bokeh.set_log_level("error");
  const view = new MapView(data);
  const panel = new Panel(data, view);
  const tools = element("div", { className: "tools" }, labelled("map", view.choice), labelled("colour", view.colour),
    labelled("find", panel.search), panel.list, panel.message);
  const place = document.getElementById("landscape-view");
  place.replaceChildren(tools, element("div", { className: "split" },
    element("div", {}, view.place, view.legend), panel.about), panel.page);
  view.open(0);
  geneLinks(panel);
  document.documentElement.dataset.explorer = "ready";
}

start();
