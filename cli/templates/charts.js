  // Charts and tabs of a page; part of the script of each page that has them.
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
  let selectionOf = () => null;  // chart -> names of the selected models, null for all
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
    const selection = selectionOf(name);
    if (selection) await view.signal("picked", selection).runAsync();
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
