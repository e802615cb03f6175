(() => {
  const $ = (id) => document.getElementById(id), all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const data = JSON.parse($("data").textContent), m = data.models.length;
  const pick = $("metric"), upper = $("upper"), chooser = $("picked");
  document.documentElement.classList.add("js");

  {% include "tips.js" %}
  const element = (tag, text, ...children) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  };

  // State: metric, metric of the upper half, selection. It is in the hash, as #section&metric=…&upper=…&show=….
  const first = data.metrics[0]?.name ?? "";
  const state = { section: "", metric: first, upper: upper?.value ?? "", show: "" };
  const defaults = { ...state };
  const metricOf = (name) => data.metrics.find((one) => one.name === name);
  const write = (push) => {
    const parts = [state.section, ...["metric", "upper", "show"].filter((key) => state[key] !== defaults[key]).map((key) => `${key}=${encodeURIComponent(state[key])}`)];
    const hash = `#${parts.join("&")}`;
    history[push ? "pushState" : "replaceState"](null, "", hash === "#" ? location.pathname + location.search : hash);
  };
  const read = () => {
    const [section, ...rest] = location.hash.slice(1).split("&");
    const given = new URLSearchParams((section.includes("=") ? [section, ...rest] : rest).join("&"));
    const known = (key, fits) => given.has(key) && fits(given.get(key)) ? given.get(key) : defaults[key];
    state.section = section.includes("=") ? "" : section;
    state.metric = known("metric", metricOf);
    state.upper = known("upper", (name) => metricOf(name) && !metricOf(name).directed);
    state.show = known("show", (value) => chooser && [...chooser.options].some((option) => option.value === value));
  };

  const tabs = all('[role="tab"]');
  const showMetric = () => {
    const metric = metricOf(state.metric);
    if (!metric || !$("matrix")) return;
    const above = metric.directed || !state.upper ? metric : metricOf(state.upper);
    tabs.forEach((tab) => {
      const on = tab.dataset.metric === metric.name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    });
    if (pick) pick.value = metric.name;
    data.metrics.forEach(({ name }) => { $(`panel-${name}`).hidden = name !== metric.name; });
    const halves = all("#matrix [data-half]");
    halves[0].setAttribute("href", `#lower-${metric.name}`);
    halves[1].setAttribute("href", `#upper-${above.name}`);
    document.querySelector('[data-of="lower"]').textContent = metric.directed ? `${metric.label}, from row to column` : metric.label;
    if (upper) {
      upper.value = state.upper;
      upper.closest("label").hidden = metric.directed;
    }
  };
  tabs.forEach((tab, i) => {
    const select = (one) => { state.metric = one.dataset.metric; showMetric(); write(); };
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
  pick?.addEventListener("change", () => { state.metric = pick.value; showMetric(); write(); });
  upper?.addEventListener("change", () => { state.upper = upper.value; showMetric(); write(); });

  // One selection for all figures and tables: marks of other models fade, rows of other models are hidden.
  const marked = all("[data-m]").filter((one) => one.tagName !== "OPTION").map((one) => [one, one.dataset.m.split(" ").map(Number)]);
  let picked = null;
  const showPicked = () => {
    if (!chooser) return;
    chooser.value = state.show;
    const of = chooser.selectedOptions[0]?.dataset.m;
    picked = of ? new Set(of.split(" ").map(Number)) : null;
    marked.forEach(([one, at]) => {
      const out = picked !== null && !at.some((i) => picked.has(i));
      const hides = ["TR", "TBODY", "LI"].includes(one.tagName);
      one.classList.toggle(hides ? "other" : "faint", out);
    });
    all(".row, .column", $("map-labels") ?? document.createElement("i")).forEach((label) => label.classList.toggle("faint", picked !== null && !picked.has(Number(label.dataset.i))));
    const veil = $("veil");
    if (veil) {
      const [w, h] = data.cell, [x, y] = data.corner, out = [];
      for (let i = 0; picked && i < m; i++) for (let j = 0; j < m; j++) {
        if (!picked.has(i) && !picked.has(j)) out.push(`M${x + j * w} ${y + i * h}h${w}v${h}h${-w}z`);
      }
      veil.setAttribute("d", out.join(""));
    }
    status.textContent = picked ? `${picked.size} of ${chooser.dataset.count} models, in all figures and tables` : "";
    list?.();
  };
  chooser?.addEventListener("change", () => { state.show = chooser.value; showPicked(); write(); });

  // Heat map: the row and the column of the cell light up.
  const map = $("matrix");
  let cell = null;
  const format = (value) => value === null || value === undefined ? "–" : value.toFixed(3).replace("-", "−");
  const sentence = (metric, i, j) => {
    const at = i * m + j, value = metric.value?.[at];
    const chance = Array.isArray(metric.chance) ? metric.chance[at] : metric.chance;
    return { value: format(value), chance: chance === null ? "–" : format(chance), q: metric.q?.[at], ends: metric.low?.[at] == null ? "" : `${format(metric.low[at])} to ${format(metric.high[at])}` };
  };
  const light = (i, j) => {
    const on = i !== null;
    all("text", $("map-labels")).forEach((label) => {
      const own = label.classList.contains("row") ? i : j;
      label.classList.toggle("lit", on && Number(label.dataset.i) === own);
    });
    const [w, h] = data.cell, [x, y] = data.corner;
    const boxes = on ? { "row-band": [x, y + i * h, m * w, h], "column-band": [x + j * w, y, w, m * h], "cell-band": [x + j * w, y + i * h, w, h] } : {};
    ["row-band", "column-band", "cell-band"].forEach((id) => {
      $(id).toggleAttribute("hidden", !on);
      $(id).style.display = on ? "" : "none";
      (boxes[id] ?? []).forEach((value, k) => $(id).setAttribute(["x", "y", "width", "height"][k], value));
    });
    cell = on ? [i, j] : null;
  };
  const describe = (i, j, x, y, say) => {
    if (i === j) { hideTip(); return; }
    const shown = metricOf(state.metric), above = shown.directed || !state.upper ? shown : metricOf(state.upper);
    const half = j > i ? above : shown;
    const title = `${data.shown[i]} ${half.directed ? "→" : "–"} ${data.shown[j]}`;
    const rows = data.metrics.map((metric) => {
      const { value, chance, ends } = sentence(metric, i, j);
      const row = element("tr", "", element("td", metric.label), element("td", value), element("td", chance === "–" ? "" : `chance ${chance}`));
      if (ends) row.append(element("td", ends));
      if (metric === half) row.style.fontWeight = "620";
      return row;
    });
    const { q, value, chance } = sentence(half, i, j);
    tip.replaceChildren(element("b", title), element("table", "", ...rows), ...(q == null ? [] : [document.createTextNode(`q = ${q} over all pairs, ${half.label}`)]));
    place(x, y);
    if (say) status.textContent = `${title}: ${half.label} ${value}, chance ${chance}`;
  };
  const cellAt = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    const j = Math.floor((point.x - data.corner[0]) / data.cell[0]), i = Math.floor((point.y - data.corner[1]) / data.cell[1]);
    return i >= 0 && j >= 0 && i < m && j < m ? [i, j] : null;
  };
  const inMap = (event) => {
    const at = cellAt(event);
    light(at ? at[0] : null, at ? at[1] : null);
    if (at) describe(at[0], at[1], event.clientX, event.clientY); else hideTip();
  };
  map?.addEventListener("pointermove", inMap);
  map?.addEventListener("pointerdown", inMap);
  map?.addEventListener("pointerleave", () => { light(null); hideTip(); });
  map?.addEventListener("blur", () => { light(null); hideTip(); });
  map?.addEventListener("keydown", (event) => {
    const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    if (event.key === "Escape") { light(null); hideTip(); return; }
    if (!step) return;
    event.preventDefault();
    const [i, j] = cell ? cell.map((at, k) => Math.max(0, Math.min(m - 1, at + step[k]))) : [1, 0];
    light(i, j);
    const box = $("cell-band").getBoundingClientRect();
    describe(i, j, box.right, box.bottom, true);
  });

  // Maps of the samples: the same sample is marked in all of them.
  const maps = all("[data-map]");
  const mark = (sample) => maps.forEach((one) => {
    const circle = one.querySelector("circle"), points = data.maps.points[one.dataset.map];
    circle.classList.toggle("at", sample !== null);
    if (sample === null) return;
    circle.setAttribute("cx", points[2 * sample]);
    circle.setAttribute("cy", points[2 * sample + 1]);
  });
  maps.forEach((one) => {
    one.addEventListener("pointermove", (event) => {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(one.getScreenCTM().inverse());
      const points = data.maps.points[one.dataset.map];
      let nearest = 0, least = Infinity;
      for (let k = 0; k < points.length / 2; k++) {
        const distance = (points[2 * k] - x) ** 2 + (points[2 * k + 1] - y) ** 2;
        if (distance < least) [nearest, least] = [k, distance];
      }
      mark(nearest);
      const value = data.maps.values?.[one.dataset.map]?.[nearest];
      tip.replaceChildren(document.createTextNode(data.maps.ids[nearest] + (value == null ? "" : `\n${data.maps.title}: ${value}`)));
      place(event.clientX, event.clientY);
    });
    one.addEventListener("pointerleave", () => { mark(null); hideTip(); });
  });

  // Models: prose is folded.
  const folds = all(".unfold");
  const fold = (button, open) => {
    button.setAttribute("aria-expanded", String(open));
    $(button.getAttribute("aria-controls")).hidden = !open;
  };
  folds.forEach((button) => {
    fold(button, false);
    button.addEventListener("click", () => fold(button, button.getAttribute("aria-expanded") !== "true"));
  });
  const unfold = $("unfold");
  if (!folds.length) unfold.hidden = true;
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-expanded") !== "true";
    unfold.setAttribute("aria-expanded", String(open));
    unfold.textContent = open ? "Hide all details" : "Show all details";
    folds.forEach((button) => fold(button, open));
  });

  // All pairs: filter, sorting, and the first rows until more are asked for.
  const table = $("pair-table"), few = 25;
  let every = false, list = null;
  if (table) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], more = $("more"), none = $("no-pairs"), unprinted = $("unprinted");
    const filter = $("filter"), controls = $("with-controls");
    list = () => {
      const asked = filter.value.trim().toLowerCase();
      let count = 0;
      [...body.rows].forEach((row) => {
        const text = [0, 1, 2].map((k) => row.cells[k].textContent).join(" ").toLowerCase();
        row.hidden = !text.includes(asked) || Boolean(controls && !controls.checked && row.classList.contains("control"));
        const visible = !row.hidden && !row.classList.contains("other");
        row.classList.toggle("later", visible && count >= few && !every);
        row.classList.toggle("not-printed", Boolean(unprinted) && visible && count >= unprinted.dataset.printed);
        count += visible;
      });
      if (unprinted) {
        const most = Number(unprinted.dataset.printed), [of, left] = unprinted.children;
        unprinted.hidden = count <= most;
        [of.textContent, left.textContent] = [count, count - most].map((number) => number.toLocaleString("en"));
      }
      none.hidden = count > 0;
      more.hidden = count <= few;
      more.textContent = every ? `Show the first ${few} pairs only.` : `Show all ${count} pairs.`;
    };
    more.addEventListener("click", () => { every = !every; list(); });
    $("clear").addEventListener("click", () => {
      filter.value = "";
      if (controls) controls.checked = true;
      state.show = "";
      showPicked();
      write();
    });
    all("[data-column]").forEach((box) => {
      const apply = () => [table.tHead.rows[0], ...body.rows].forEach((row) => { row.cells[box.dataset.column].hidden = !box.checked; });
      box.addEventListener("change", apply);
      apply();
    });
    filter.addEventListener("input", list);
    controls?.addEventListener("change", list);
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const numeric = head.classList.contains("num"), before = head.getAttribute("aria-sort");
      const up = before === "none" ? !numeric : before === "descending";
      heads.forEach((each) => each.setAttribute("aria-sort", each === head ? (up ? "ascending" : "descending") : "none"));
      const value = (row) => numeric ? row.cells[column].dataset.sort : row.cells[column].textContent;
      const rows = [...body.rows].map((row) => [value(row), row]).sort(([x], [y]) => {
        if (numeric && (x === "" || y === "")) return (x === "") - (y === "");
        return (up ? 1 : -1) * (numeric ? x - y : x.localeCompare(y));
      });
      body.append(...rows.map(([, row]) => row));
      list();
    }));
    list();
  }

  // Tables as CSV files, and references as BibTeX.
  let tables = null;
  const unpack = async () => {
    const bytes = Uint8Array.from(atob($("tables").textContent.trim()), (letter) => letter.charCodeAt(0));
    return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
  };
  document.addEventListener("click", async (event) => {
    const name = event.target.closest?.("[data-csv]")?.dataset.csv;
    if (!name) return;
    tables ??= await unpack();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([tables[name]], { type: "text/csv" }));
    link.download = name === "scores" ? "hyle.csv" : `hyle-${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  $("copy").addEventListener("click", async () => {
    const text = $("bibtex").textContent;
    try {
      await navigator.clipboard.writeText(text);
      $("copied").textContent = "Copied.";
    } catch {
      // Without access to the clipboard the text is selected, ready to copy by hand.
      document.querySelector(".cite details").open = true;
      getSelection().selectAllChildren($("bibtex"));
      $("copied").textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it with the keyboard.";
    }
  });

  // Contents: links keep the rest of the hash, and the section in view is marked.
  const links = all(".bar nav a");
  const go = (id) => {
    const target = $(id);
    if (!target) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    target.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
  };
  links.forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    state.section = link.hash.slice(1);
    write(true);
    go(state.section);
  }));
  const seen = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    if (!isIntersecting) return;
    links.forEach((link) => link.hash === `#${target.id}` ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"));
  }), { rootMargin: "-15% 0px -75% 0px" });
  links.forEach((link) => { if ($(link.hash.slice(1))) seen.observe($(link.hash.slice(1))); });

  const apply = () => { read(); showMetric(); showPicked(); if (state.section) go(state.section); };
  addEventListener("hashchange", apply);
  addEventListener("popstate", apply);
  if (map) light(null);
  apply();
  // Paper has every result: folds open while it prints.
  addEventListener("beforeprint", () => all("details.nulls").forEach((one) => { one.open = true; }));
})();
