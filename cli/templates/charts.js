  // Charts of a page; part of the script of each page that has them.
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
  const drawn = new Map();
  const draw = (box) => {
    const name = box.dataset.chart, theme = night.matches ? "dark" : "light";
    if (drawn.get(name) === theme) return;
    drawn.set(name, theme);
    const options = {
      mode: "vega-lite", renderer: "svg", ast: true, downloadFileName: `hyle-${name}`,
      actions: { export: true, source: false, compiled: false, editor: false },
      tooltip: { theme: night.matches ? "dark" : "light" },
    };
    vegaEmbed(box, night.matches ? repaint(specs[name]) : specs[name], options);
  };
  const drawVisible = () => document.querySelectorAll("[data-chart]").forEach((box) => {
    if (box.offsetParent !== null) draw(box);
  });
  night.addEventListener("change", drawVisible);
