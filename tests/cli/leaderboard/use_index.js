  // Uses the index page as a reader does, and notes what is shown; part of a script that defines `out` and `wait`.
  const section = document.querySelector(".board"), table = section.querySelector("table"), filters = document.getElementById("filters").elements;
  const shown = (row) => row.offsetParent !== null;
  const models = () => [...table.querySelectorAll("tbody tr")].filter(shown).map((row) => row.dataset.model);
  const sorts = () => [...table.tHead.rows[0].cells].filter((cell) => cell.getAttribute("aria-sort") !== "none").map((cell) => `${cell.dataset.name} ${cell.getAttribute("aria-sort")}`);
  const change = async (name, value) => {
    filters[name][typeof value === "boolean" ? "checked" : "value"] = value;
    filters[name].dispatchEvent(new Event("input", { bubbles: true }));
    await wait(300);
  };
  out.empty = [...document.querySelectorAll(".chart")].filter((box) => !box.querySelector("svg [data-t]")).map((box) => box.id);
  const faded = () => [...new Set([...section.querySelectorAll(".chart .faint")].map((mark) => mark.dataset.t.split("\n")[0].slice(7)))].sort();
  out.first = [models(), sorts()];
  const press = (name) => {
    const button = table.querySelector(`th[data-name="${name}"] button`);
    button.focus();
    out.focused = document.activeElement === button;
    button.click();  // what a browser does for Enter and Space on a button
  };
  await change("grouped", false);
  press("parameters");
  out.up = [models(), sorts()];
  press("parameters");
  out.down = [models(), sorts()];
  press("alignment");
  out.alignment = [models(), sorts()];
  await change("grouped", true);
  out.grouped = models();
  await change("modality", "control");
  out.controls = models();
  out.status = document.getElementById("status").textContent;
  out.faint = faded();
  await change("modality", "");
  await change("licence", "MIT");
  out.mit = models();
  await change("licence", "");
  await change("search", "no such model");
  out.none = [models(), shown(section.querySelector(".none"))];
  await change("search", "chgnet");
  out.search = models();
  await change("search", "");
  out.none_faint = faded();
  await change("domain", "proteins");
  out.sections = [...document.querySelectorAll(".board")].filter(shown).map((board) => board.dataset.domain);
  await change("domain", "");
  out.contrast = (() => {
    const rgb = (text) => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (node) => {
      for (; node; node = node.parentElement) {
        const colour = rgb(getComputedStyle(node).backgroundColor);
        if (colour.length === 3 || colour[3] > 0) return colour;
      }
      return [255, 255, 255];
    };
    const low = {};
    for (const node of document.querySelectorAll("h1, h2, h3, p, a, th, td, span, b, label, button, li, figcaption, code, pre, output")) {
      if (!shown(node) || !node.textContent.trim() || node.closest("svg, .only-narrow")) continue;
      const [x, y] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
      const ratio = (x + 0.05) / (y + 0.05);
      if (ratio < 4.5) low[`${node.tagName} ${node.className}`] = ratio;
    }
    return low;
  })();
