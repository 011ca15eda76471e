// What is selected, and the page of a gene.

class Panel {
  constructor(data, view) {
    this.data = data;
    this.view = view;
    this.about = element("div", { className: "about", "aria-live": "polite" });
    this.page = element("section", { id: "gene-page", hidden: true, "aria-live": "polite" });
    this.known = new Set([...Object.keys(data.facts), ...(data.genes ? data.genes.names : [])]);
    const sorted = [...this.known].sort();
    this.search = element("input", { type: "search", id: "gene-search", list: "gene-names", placeholder: "gene or cluster", autocomplete: "off" });
    this.list = element("datalist", { id: "gene-names" });
    sorted.forEach((name) => this.list.append(element("option", { value: name })));
    this.lower = new Map(sorted.map((name) => [name.toLowerCase(), name]));
    this.message = element("span", { className: "note", role: "status" });
    this.search.addEventListener("change", () => this.find());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.find();
    });
    view.onSelect((indices) => this.describe(indices));
  }

  find() {
    const wanted = this.search.value.trim();
    if (!wanted) return;
    const name = this.lower.get(wanted.toLowerCase());
    const point = name ? -1 : this.view.map.names.indexOf(wanted);
    this.message.textContent = name || point >= 0 ? ""
      : `Nothing is called ${wanted}: it is none of the ${this.known.size} genes of this report, and no ${this.view.map.noun} of this map.`;
    if (name) this.open(name);
    if (point >= 0) this.view.select([point]);
  }

  // Genes to begin with: those that change most along pseudotime.
  first() {
    const names = Object.keys(this.data.facts).slice(0, 6);
    return names.length ? [element("p", { className: "note" }, "Open a gene: ", ...this.listed(names), ".")] : [];
  }

  link(name) {
    if (!this.known.has(name)) return document.createTextNode(name);
    const button = element("button", { type: "button", className: "gene", textContent: name });
    button.addEventListener("click", () => this.open(name));
    return button;
  }

  listed(names) {
    return names.flatMap((name, at) => (at ? [", ", this.link(name)] : [this.link(name)]));
  }

  describe(indices) {
    const map = this.view.map;
    const linked = this.linked?.selected;
    if (linked && this.view.at === 0 && String(linked.indices) !== String(indices)) linked.indices = indices;
    if (!indices.length) {
      const some = map.names.length < map.total ? `${shown(map.names.length)} of ${shown(map.total)}` : shown(map.total);
      this.about.replaceChildren(element("p", { className: "note",
        textContent: `${some} ${map.noun}s. Drag to move, draw a box or choose the wheel to zoom, point at a ${map.noun}, click it or draw around some.` }), ...this.first());
      return;
    }
    const rows = map.columns.map((column) => [column.name, this.summary(column, indices)]);
    const title = indices.length === 1 ? map.names[indices[0]] : `${indices.length} ${map.noun}s`;
    this.about.replaceChildren(element("h3", { textContent: title }), this.table(rows));
    if (indices.length === 1 && this.view.at === 0) this.about.append(...this.used(indices[0]));
    const pairs = indices.length === 1 && this.data.pairs[map.names[indices[0]]];
    if (pairs && pairs.length && this.view.at === 0) {
      const items = pairs.map(([a, b, r]) => element("li", {}, this.link(a), " – ", this.link(b), ` ${shown(r)}`));
      this.about.append(element("h4", { textContent: "Strongest pairs" }), element("ol", {}, ...items));
    }
  }

  // The gene networks that a cluster uses most.
  used(at) {
    const usage = this.data.usage;
    if (!usage) return [];
    const values = usage.titles.map((title, entry) => [title, decoded(usage, entry, this.view.map.names.length)[at]]);
    const most = values.filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]).slice(0, 4);
    if (!most.length) return [];
    return [element("h4", { textContent: "Gene networks it uses" }),
      element("ol", {}, ...most.map(([title, value]) => element("li", { textContent: `${title}: ${shown(value)}` })))];
  }

  summary(column, indices) {
    if (column.kind === "number") {
      const values = indices.map((at) => column.values[at]).filter((value) => value !== null);
      if (!values.length) return "–";
      const [low, high] = range(values);
      return low === high ? shown(low) : `${shown(low)} to ${shown(high)}`;
    }
    const counts = new Map();
    indices.forEach((at) => {
      const label = column.codes[at] < 0 ? "–" : column.levels[column.codes[at]];
      counts.set(label, (counts.get(label) ?? 0) + 1);
    });
    const first = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
    return indices.length === 1 ? first[0][0] : first.map(([label, n]) => `${label} (${n})`).join(", ");
  }

  table(rows, header) {
    const body = element("tbody", {}, ...rows.map((row) =>
      element("tr", {}, ...row.map((cell) => element("td", {}, ...(Array.isArray(cell) ? cell : [shown(cell)]))))));
    const made = element("table", {});
    if (header) made.append(element("thead", {}, element("tr", {}, ...header.map((text) => element("th", { scope: "col", textContent: text })))));
    made.append(body);
    return element("div", { className: "table" }, made);
  }

  open(name) {
    const known = this.data.facts[name] ?? {};
    this.search.value = name;
    this.view.showGene(name);
    const close = element("button", { type: "button", textContent: "close", className: "close" });
    close.addEventListener("click", () => { this.page.hidden = true; });
    const parts = [element("h3", {}, name, " ", close)];
    parts.push(...this.along(name, known), ...this.entries(known), ...this.sets(known), ...this.lines(known), ...this.peaks(known));
    if (parts.length === 1) parts.push(element("p", { textContent: "Measured, but in no result of this report." }));
    this.page.replaceChildren(...parts);
    this.page.hidden = false;
    this.page.scrollIntoView({ block: "nearest" });
    this.curve(name);
  }

  along(name, known) {
    if (!known.along) return [];
    const [rho, fdr] = known.along;
    this.plot = element("div", { className: "curve", role: "img", "aria-label": `${name} along pseudotime` });
    const rate = fdr === null ? "" : `, FDR ${shown(fdr)}`;
    return [element("h4", { textContent: "Along pseudotime" }),
      element("p", { textContent: `Spearman's ρ ${shown(rho)} over clusters${rate}. Line and band: medians and quartiles of tenths of the clusters.` }), this.plot];
  }

  // Expression against pseudotime: the same points as the map, and the same selection.
  curve(name) {
    const at = this.data.genes ? this.data.genes.names.indexOf(name) : -1;
    const time = this.data.maps[0].columns.find((column) => column.name === "pseudotime");
    if (at < 0 || !time || !this.plot?.isConnected) return;
    const source = new Bokeh.ColumnDataSource({ data: {
      time: time.values.map((value) => value ?? NaN), level: decoded(this.data.genes, at, time.values.length),
      colour: this.view.source.data.colour,
    } });
    source.selected.indices = this.view.source.selected.indices;
    source.selected.change.connect(() => this.view.select(source.selected.indices));
    this.linked = source;
    const figure = Bokeh.Plotting.figure({
      height: 200, sizing_mode: "stretch_width", tools: "box_select,tap,reset", toolbar_location: null,
      x_axis_label: "pseudotime", y_axis_label: "mean expression", background_fill_color: null, border_fill_color: null,
    });
    const ink = getComputedStyle(document.body).color;
    figure.xgrid.grid_line_color = figure.ygrid.grid_line_color = "#88888844";
    for (const axis of [...figure.xaxis, ...figure.yaxis]) {
      axis.axis_label_text_color = axis.major_label_text_color = ink;
    }
    const band = quartiles(time.values, decoded(this.data.genes, at, time.values.length));
    figure.varea({ x: band.time, y1: band.low, y2: band.high, fill_color: "#88888855" });
    figure.line({ x: band.time, y: band.middle, line_color: ink, line_width: 1.5 });
    figure.scatter({ x: { field: "time" }, y: { field: "level" }, source, size: 7, fill_color: { field: "colour" },
      line_color: null, nonselection_fill_alpha: 0.15 });
    Bokeh.Plotting.show(figure, this.plot);
  }

  entries(known) {
    if (!known.entries && !known.place) return [];
    const made = [element("h4", { textContent: "Gene networks of the dictionary" })];
    if (known.place) {
      const [title, kme, confidence] = known.place;
      const sure = confidence === null ? "" : `, confidence ${shown(confidence)}`;
      made.push(element("p", { textContent: `Placed in ${title} (correlation with its score ${shown(kme)}${sure}).` }));
    }
    if (known.entries) {
      const rows = known.entries.map(([title, near]) => [[title], this.listed(near)]);
      made.push(this.table(rows, ["network", "neighbours, strongest first"]));
    }
    return made;
  }

  sets(known) {
    if (!known.sets) return [];
    const rows = known.sets.map(([title, said]) => [[title], [said]]);
    return [element("h4", { textContent: "Gene sets with it" }), this.table(rows, ["set", "what was found"])];
  }

  lines(known) {
    const made = [];
    if (known.lines) {
      const rows = known.lines.map(([phenotype, rho, fdr, controlled, call]) => [[phenotype], rho, fdr, controlled, [call || "–"]]);
      made.push(element("h4", { textContent: "Centrality over lines against phenotype" }),
        this.table(rows, ["phenotype", "ρ", "FDR", "FDR, controlled", "call"]));
    }
    if (known.near) {
      const [total, near] = known.near;
      const items = near.flatMap(([name, n], at) => [at ? ", " : "", this.link(name), ` (${n})`]);
      made.push(element("h4", { textContent: "Neighbours in the lines' networks" }),
        element("p", {}, ...items, `; in brackets, in how many of ${total} lines it is among the ten nearest.`));
    }
    return made;
  }

  peaks(known) {
    if (!known.peaks) return [];
    const rows = known.peaks.map(([sample, peak, distance, fdr]) => [[sample], [peak], distance, fdr]);
    return [element("h4", { textContent: "Linked peaks" }), this.table(rows, ["sample", "peak", "distance (bp)", "FDR"])];
  }
}
