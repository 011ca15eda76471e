// Tables: sort by a column, search, download as TSV.

function number(text) {
  const value = Number.parseFloat(text.replace("−", "-").replaceAll(",", "").replace(/^< /, ""));
  return Number.isNaN(value) ? null : value;
}

function compared(a, b) {
  const [x, y] = [number(a), number(b)];
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x === null ? 1 : -1;
  return a.localeCompare(b, "en", { numeric: true });
}

function cells(row) {
  return [...row.cells].map((cell) => cell.textContent.replace(/\s+/g, " ").trim());
}

function tsv(table) {
  return [...table.rows].map((row) => cells(row).join("\t")).join("\n") + "\n";
}

function sortable(table) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, at) => {
    const button = element("button", { type: "button", className: "sort", title: "sort by this column" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [cells(row)[at] ?? "", row]);
      rows.sort((a, b) => (down ? compared(b[0], a[0]) : compared(a[0], b[0])));
      body.append(...rows.map((pair) => pair[1]));
    });
  });
}

function searchable(table, figure) {
  const field = element("input", { type: "search", placeholder: "filter rows", "aria-label": "filter the rows of this table" });
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    figure.classList.toggle("filtered", wanted !== "");
    for (const row of table.tBodies[0].rows) row.hidden = wanted !== "" && !cells(row).join(" ").toLowerCase().includes(wanted);
  });
  return field;
}

function downloadable(title, name, text) {
  const button = element("button", { type: "button", textContent: title, title: `download ${name}` });
  button.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([text()], { type: "text/plain" }));
    const link = element("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });
  return button;
}

function equipTables() {
  document.querySelectorAll("figure.table > table").forEach((table, at) => {
    const figure = table.parentElement;
    const chapter = table.closest("section")?.id ?? "table";
    const tools = element("div", { className: "tools" });
    if (table.tBodies[0].rows.length > 8) tools.append(searchable(table, figure));
    tools.append(downloadable("TSV", `${chapter}-${at + 1}.tsv`, () => tsv(table)));
    if (table.tHead) sortable(table);
    table.before(tools);
  });
  document.querySelectorAll("pre.listing").forEach((text) => {
    const button = downloadable(text.dataset.file, text.dataset.file, () => text.textContent);
    text.before(element("div", { className: "tools" }, button));
  });
}
