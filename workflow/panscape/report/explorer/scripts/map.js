// A map: points to pan, zoom, hover and select, coloured by a column, a gene or an entry.

class MapView {
  constructor(data) {
    this.data = data;
    this.at = 0;
    this.listeners = [];
    this.legend = element("div", { className: "legend" });
    this.place = element("div", { className: "plot", role: "img" });
    this.choice = element("select", { id: "map-choice" });
    data.maps.forEach((map, at) => this.choice.append(element("option", { value: at, textContent: map.title })));
    this.colour = element("select", { id: "map-colour" });
    this.choice.addEventListener("change", () => this.open(Number(this.choice.value)));
    this.colour.addEventListener("change", () => this.recolour(this.colour.value));
  }

  get map() {
    return this.data.maps[this.at];
  }

  onSelect(listener) {
    this.listeners.push(listener);
  }

  open(at) {
    this.at = at;
    this.choice.value = at;
    this.fillColours();
    this.draw();
    this.recolour(this.colour.value);
    this.listeners.forEach((listener) => listener([]));
  }

  fillColours() {
    const columns = element("optgroup", { label: "columns" });
    this.map.columns.forEach((column, at) =>
      columns.append(element("option", { value: `column:${at}`, textContent: column.name })));
    this.colour.replaceChildren(columns);
    if (this.at !== 0) return;
    if (this.data.usage) {
      const entries = element("optgroup", { label: "usage of gene networks" });
      this.data.usage.titles.forEach((title, at) =>
        entries.append(element("option", { value: `entry:${at}`, textContent: title })));
      this.colour.append(entries);
    }
    this.gene = element("optgroup", { label: "expression" });
    this.colour.append(this.gene);
  }

  showGene(name) {
    const at = this.data.genes ? this.data.genes.names.indexOf(name) : -1;
    if (at < 0) return;
    if (this.at !== 0) this.open(0);
    this.gene.replaceChildren(element("option", { value: `gene:${at}`, textContent: name }));
    this.colour.value = `gene:${at}`;
    this.recolour(this.colour.value);
  }

  valuesOf(what) {
    const [kind, at] = [what.split(":")[0], Number(what.split(":")[1])];
    const width = this.map.names.length;
    if (kind === "gene") return { kind: "number", name: this.data.genes.names[at], values: decoded(this.data.genes, at, width) };
    if (kind === "entry") return { kind: "number", name: this.data.usage.titles[at], values: decoded(this.data.usage, at, width) };
    return this.map.columns[at];
  }

  draw() {
    const { names, x, y, size, edges } = this.map;
    const largest = size ? Math.max(...size) : 1;
    const radius = size ? size.map((n) => 6 + 14 * Math.sqrt(n / largest)) : names.map(() => (names.length > 2000 ? 4 : 8));
    this.source = new Bokeh.ColumnDataSource({
      data: { x, y, name: names, size: radius, colour: names.map(() => GREY), shown: names.map(() => "") },
    });
    const tools = "pan,wheel_zoom,box_zoom,tap,box_select,lasso_select,save,reset";
    const figure = Bokeh.Plotting.figure({
      tools, height: 360, sizing_mode: "stretch_width", match_aspect: true,
      background_fill_color: null, border_fill_color: null, outline_line_color: null, toolbar_location: "above",
      output_backend: "canvas",
    });
    figure.toolbar.logo = null;
    figure.xaxis.visible = figure.yaxis.visible = figure.xgrid.visible = figure.ygrid.visible = false;
    if (edges) {
      figure.multi_line({
        xs: edges.map(([a, b]) => [x[a], x[b]]), ys: edges.map(([a, b]) => [y[a], y[b]]),
        line_color: "#8a8f94", line_alpha: 0.25, line_width: 0.5,
      });
    }
    const dots = figure.scatter({
      x: { field: "x" }, y: { field: "y" }, size: { field: "size" }, source: this.source,
      fill_color: { field: "colour" }, line_color: "#ffffff", line_width: size ? 0.6 : 0, fill_alpha: 0.95,
      nonselection_fill_alpha: 0.15, nonselection_line_alpha: 0.1,
    });
    figure.add_tools(new Bokeh.HoverTool({ renderers: [dots], tooltips: [[this.map.noun, "@name"], ["", "@shown"]] }));
    this.source.selected.change.connect(() => this.selected(this.source.selected.indices));
    this.place.replaceChildren();
    Bokeh.Plotting.show(figure, this.place);
  }

  recolour(what) {
    const column = this.valuesOf(what);
    const numeric = column.kind === "number";
    const [low, high] = numeric ? range(column.values) : [0, 0];
    const span = high > low ? high - low : 1;
    const colour = numeric
      ? column.values.map((value) => (Number.isFinite(value) ? shade((value - low) / span) : GREY))
      : column.codes.map((code) => (code < 0 ? GREY : COLOURS[code % COLOURS.length]));
    const text = numeric ? column.values.map(shown) : column.codes.map((code) => (code < 0 ? "–" : column.levels[code]));
    this.source.data = { ...this.source.data, colour, shown: text.map((value) => `${column.name}: ${value}`) };
    this.place.setAttribute("aria-label", `${this.map.title}, coloured by ${column.name}`);
    this.explain(column, low, high);
  }

  explain(column, low, high) {
    const title = element("b", { textContent: column.name });
    if (column.kind === "number") {
      this.legend.replaceChildren(title, " ", shown(low), element("span", { className: "ramp" }), shown(high));
      return;
    }
    const buttons = column.levels.map((level, code) => {
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = COLOURS[code % COLOURS.length];
      const button = element("button", { type: "button", title: "select these" }, swatch, level);
      button.addEventListener("click", () => this.select(column.codes.flatMap((one, at) => (one === code ? [at] : []))));
      return button;
    });
    this.legend.replaceChildren(title, ...buttons);
  }

  select(indices) {
    if (String(this.source.selected.indices) === String(indices)) return;
    this.source.selected.indices = indices; // its change calls selected()
  }

  selected(indices) {
    this.listeners.forEach((listener) => listener(indices));
  }
}
