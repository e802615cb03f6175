(() => {
  {% include "charts.js" %}
  const pick = document.getElementById("metric");
  const turn = () => {
    [...pick.options].forEach((option) => { document.getElementById(option.value).hidden = !option.selected; });
    drawVisible();
  };
  pick?.addEventListener("change", turn);
  if (pick) turn();  // a reloaded page keeps the selection

  // One selection for all figures and tables: marks of other models fade, rows of other models are hidden.
  const chooser = document.getElementById("picked"), status = document.getElementById("picked-status");
  let picked = null;
  selectionOf = () => picked;
  const rows = [...document.querySelectorAll("tr[data-models]")].map((row) => [row, JSON.parse(row.dataset.models)]);
  const choose = () => {
    const models = chooser.selectedOptions[0].dataset.models;
    picked = models ? JSON.parse(models) : null;
    views.forEach((view) => view.signal("picked", picked).runAsync());
    rows.forEach(([row, names]) => {
      row.classList.toggle("other", picked !== null && !names.some((name) => picked.includes(name)));
    });
    status.textContent = picked ? `${picked.length} of ${chooser.dataset.count} models, in all figures and tables` : "";
  };
  chooser?.addEventListener("change", choose);
  if (chooser) choose();  // a reloaded page keeps the selection; the benchmark card has none

  const table = document.getElementById("pair-table");
  if (table) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    const filter = document.getElementById("filter"), controls = document.getElementById("with-controls");
    const show = () => [...body.rows].forEach((row) => {
      const text = row.cells[0].textContent + " " + row.cells[1].textContent + " " + row.cells[2].textContent;
      const named = text.toLowerCase().includes(filter.value.trim().toLowerCase());
      row.hidden = !named || (controls && !controls.checked && row.classList.contains("control"));
    });
    document.querySelectorAll("[data-column]").forEach((box) => {
      const apply = () => [table.tHead.rows[0], ...body.rows].forEach((row) => {
        row.cells[box.dataset.column].hidden = !box.checked;
      });
      box.addEventListener("change", apply);
      apply();
    });
    filter.addEventListener("input", show);
    controls?.addEventListener("change", show);
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const numeric = head.classList.contains("num"), before = head.getAttribute("aria-sort");
      const up = before === "none" ? !numeric : before === "descending";
      heads.forEach((each) => each.setAttribute("aria-sort", each === head ? (up ? "ascending" : "descending") : "none"));
      const value = (row) => numeric ? row.cells[column].dataset.sort : row.cells[column].textContent;
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (numeric && (x === "" || y === "")) return (x === "") - (y === "");
        return (up ? 1 : -1) * (numeric ? x - y : x.localeCompare(y));
      });
      body.append(...rows);
    }));
  }
  drawVisible();
})();
