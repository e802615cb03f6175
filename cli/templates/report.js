(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const specs = read("specs"), dark = read("dark");
  const night = matchMedia("screen and (prefers-color-scheme: dark)");

  // The specifications have the colours for paper; on a dark page each colour is replaced by its dark counterpart.
  const repaint = (node, key) => {
    if (typeof node === "string") return dark[node] ?? node;
    if (node === null || typeof node !== "object" || key === "datasets") return node;
    if (Array.isArray(node)) return node.map((item) => repaint(item));
    return Object.fromEntries(Object.entries(node).map(([name, item]) => [name, repaint(item, name)]));
  };
  const drawn = new Map(), views = new Map();
  let picked = null;
  const draw = async (box) => {
    const name = box.dataset.chart, theme = night.matches ? "dark" : "light";
    if (drawn.get(name) === theme) return;
    drawn.set(name, theme);
    const options = {
      mode: "vega-lite", renderer: "svg", ast: true, downloadFileName: `hyle-${name}`,
      actions: { export: true, source: false, compiled: false, editor: false },
      tooltip: { theme: night.matches ? "dark" : "light" },
    };
    const { view } = await vegaEmbed(box, night.matches ? repaint(specs[name]) : specs[name], options);
    views.set(name, view);
    if (picked) await view.signal("picked", picked).runAsync();
  };
  const drawVisible = () => document.querySelectorAll("[data-chart]").forEach((box) => {
    if (box.offsetParent !== null) draw(box);
  });
  night.addEventListener("change", drawVisible);

  document.querySelectorAll('[role="tablist"]').forEach((list) => {
    const tabs = [...list.querySelectorAll('[role="tab"]')];
    const select = (tab) => {
      tabs.forEach((each) => {
        const on = each === tab;
        each.setAttribute("aria-selected", String(on));
        each.tabIndex = on ? 0 : -1;
        document.getElementById(each.getAttribute("aria-controls")).hidden = !on;
      });
      drawVisible();
    };
    tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => select(tab));
      tab.addEventListener("keydown", (event) => {
        const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        const next = tabs[(to + tabs.length) % tabs.length];
        select(next);
        next.focus();
      });
    });
  });
  const pick = document.getElementById("metric");
  const turn = () => {
    [...pick.options].forEach((option) => { document.getElementById(option.value).hidden = !option.selected; });
    drawVisible();
  };
  pick?.addEventListener("change", turn);
  if (pick) turn();  // a reloaded page keeps the selection

  // One selection for all figures and tables: marks of other models fade, rows of other models are hidden.
  const chooser = document.getElementById("picked"), status = document.getElementById("picked-status");
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
