(() => {
  "use strict";
  // Maps on canvases. Texts are set as text; the pictures are SVGs that hyle made, in which all texts are escaped.
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const unzip = async (text) => {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const n = data.n, pictureOf = new Int16Array(bytes(data.pictures).buffer);
  const colours = data.colours.map((one) => ({ ...one, codes: bytes(one.codes) }));
  const night = matchMedia("(prefers-color-scheme: dark)");
  const phone = matchMedia("(max-width: 700px)");
  let printing = false, colour = 0;
  const theme = () => (night.matches && !printing ? data.dark : data.light);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let names = null;
  const named = unzip($("names").textContent).then((text) => { names = JSON.parse(text); });

  const palette = () => {
    const { ramp, kinds, grey, plain } = theme(), one = colours[colour];
    if (!one) return () => plain;
    const shades = one.kinds ? kinds : ramp;
    return (i) => shades[one.codes[i]] ?? grey;
  };
  // Neighbouring rows are often similar, so points are painted in a scattered order, and none is always on top.
  const stride = [7919, 7907, 7901].find((prime) => n % prime) ?? 1;
  const radius = n > 6000 ? 1.7 : n > 1500 ? 2.2 : n > 400 ? 3 : n > 80 ? 3.8 : 5;
  const CELL = 24, PAD = 12;

  class Plot {
    constructor(box, source) {
      this.box = box;
      [this.points, this.marks] = box.querySelectorAll("canvas");
      this.x = new Uint16Array(bytes(source.x).buffer);
      this.y = new Uint16Array(bytes(source.y).buffer);
      this.drawn = "";
    }
    layout() {
      const width = this.box.clientWidth, height = this.box.clientHeight;
      const ratio = Math.min(devicePixelRatio || 1, 2);
      const key = [width, height, ratio, colour, night.matches].join();
      if (!width || printing || key === this.drawn) return;
      this.drawn = key;
      Object.assign(this, { width, height, ratio });
      for (const canvas of [this.points, this.marks]) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
      const columns = Math.ceil(width / CELL), rows = Math.ceil(height / CELL);
      this.columns = columns;
      this.first = new Int32Array(columns * rows).fill(-1);
      this.next = new Int32Array(n);
      this.px = new Float32Array(n);
      this.py = new Float32Array(n);
      for (let i = 0; i < n; i++) {
        const x = PAD + this.x[i] / 65535 * (width - 2 * PAD), y = PAD + this.y[i] / 65535 * (height - 2 * PAD);
        this.px[i] = x;
        this.py[i] = y;
        const cell = Math.floor(y / CELL) * columns + Math.floor(x / CELL);
        this.next[i] = this.first[cell];
        this.first[cell] = i;
      }
      this.paint();
      this.mark();
    }
    paint() {
      const context = this.points.getContext("2d"), of = palette(), stamps = new Map();
      context.clearRect(0, 0, this.points.width, this.points.height);
      const size = Math.ceil(2 * (radius + 1) * this.ratio), half = size / 2;
      const stamp = (shade) => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = size;
        const brush = canvas.getContext("2d");
        brush.globalAlpha = 0.85;
        brush.fillStyle = shade;
        brush.beginPath();
        brush.arc(half, half, radius * this.ratio, 0, 7);
        brush.fill();
        stamps.set(shade, canvas);
        return canvas;
      };
      for (let j = 0, i = 0; j < n; j++, i = (i + stride) % n) {
        const shade = of(i);
        context.drawImage(stamps.get(shade) ?? stamp(shade), this.px[i] * this.ratio - half, this.py[i] * this.ratio - half);
      }
    }
    mark() {
      if (!this.width) return;
      const context = this.marks.getContext("2d");
      context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      context.clearRect(0, 0, this.width, this.height);
      const ring = (i, size, weight) => {
        context.beginPath();
        context.arc(this.px[i], this.py[i], size, 0, 7);
        context.lineWidth = weight + 2.5;
        context.strokeStyle = style("--card");
        context.stroke();
        context.lineWidth = weight;
        context.strokeStyle = style("--ink");
        context.stroke();
      };
      if (pinned >= 0 && pinned !== current) ring(pinned, radius + 4, 1.2);
      if (current >= 0) {
        ring(current, radius + 4, 2);
        context.fillStyle = palette()(current);
        context.beginPath();
        context.arc(this.px[current], this.py[current], radius + 1.5, 0, 7);
        context.fill();
      }
    }
    pick(x, y, reach) {
      let best = -1, least = reach * reach;
      const columns = this.columns, rows = this.first.length / columns;
      const across = [Math.max(0, Math.floor((x - reach) / CELL)), Math.min(columns - 1, Math.floor((x + reach) / CELL))];
      const down = [Math.max(0, Math.floor((y - reach) / CELL)), Math.min(rows - 1, Math.floor((y + reach) / CELL))];
      for (let row = down[0]; row <= down[1]; row++) for (let column = across[0]; column <= across[1]; column++) {
        for (let i = this.first[row * columns + column]; i >= 0; i = this.next[i]) {
          const square = (this.px[i] - x) ** 2 + (this.py[i] - y) ** 2;
          if (square < least || (square === least && i < best)) [best, least] = [i, square];
        }
      }
      return best;
    }
    // Paper gets vectors, in the colours of the day.
    toPaper() {
      const wide = this.box.parentElement.classList.contains("wide"), width = 4000, height = wide ? 2250 : 4000;
      const of = palette(), paths = new Map(), pad = 100;
      for (let i = 0; i < n; i++) {
        const x = Math.round(pad + this.x[i] / 65535 * (width - 2 * pad)), y = Math.round(pad + this.y[i] / 65535 * (height - 2 * pad));
        paths.set(of(i), `${paths.get(of(i)) ?? ""}M${x} ${y}h0`);
      }
      const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name), svg = make("svg");
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      for (const [shade, d] of paths) {
        const path = make("path");
        const facts = { d, stroke: shade, "stroke-width": (wide ? 10 : 20) * radius, "stroke-linecap": "round", "stroke-opacity": 0.85 };
        for (const [name, value] of Object.entries(facts)) path.setAttribute(name, value);
        svg.append(path);
      }
      this.box.append(svg);
    }
    // The next sample in a direction: near, and not far off the line.
    step(from, dx, dy) {
      let best = -1, least = Infinity;
      for (let i = 0; i < n; i++) {
        const x = this.px[i] - this.px[from], y = this.py[i] - this.py[from], along = x * dx + y * dy;
        if (along <= 0.01) continue;
        const cost = along + 3 * Math.abs(x * dy - y * dx);
        if (cost < least) [best, least] = [i, cost];
      }
      return best;
    }
  }

  let current = -1, pinned = -1;
  const boxes = [...document.querySelectorAll(".plot")];
  const plots = boxes.map((box, i) => new Plot(box, data.maps[i]));
  const seen = new Set();
  const drawSeen = () => plots.forEach((plot) => { if (seen.has(plot.box)) plot.layout(); });
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target);
    drawSeen();
    if (!window.firstPaint) requestAnimationFrame(() => { window.firstPaint = performance.now(); });
  }, { rootMargin: "200px" });
  boxes.forEach((box) => watcher.observe(box));
  new ResizeObserver(() => drawSeen()).observe($("maps"));

  // Pictures are unpacked a chunk at a time, when the first of a chunk is needed.
  const chunks = new Map();
  const pictureAt = async (i) => {
    const at = pictureOf[i];
    if (at < 0 || typeof DecompressionStream === "undefined") return null;
    const number = Math.floor(at / data.chunk);
    if (!chunks.has(number)) chunks.set(number, unzip($(`chunk-${number}`).textContent).then(JSON.parse));
    const [svg, places, shape] = (await chunks.get(number))[at % data.chunk];
    return { svg, place: names.number ? places[names.number[i]] : undefined, shape };
  };
  const put = (box, picture) => {
    box.innerHTML = picture.svg;
    if (!picture.place) return;
    const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    const facts = { cx: picture.place[0], cy: picture.place[1], r: 80, fill: "#e8590c", "fill-opacity": 0.25, stroke: "#e8590c", "stroke-width": 18 };
    for (const [name, value] of Object.entries(facts)) ring.setAttribute(name, value);
    box.firstElementChild.append(ring);
  };

  const panel = $("panel"), tip = $("tip");
  const show = async (i) => {
    await named;
    const picture = await pictureAt(i);
    if (i !== current) return;
    const text = panel.querySelector(".text");
    panel.classList.add("on");
    panel.querySelector(".hint").hidden = true;
    text.hidden = false;
    $("close").hidden = pinned < 0;
    $("name").textContent = names.ids[i];
    $("what").textContent = names.what[i];
    // The value that colours the point comes first.
    const order = [colour, ...colours.keys()].filter((c, at) => c < colours.length && (at === 0 || c !== colour));
    $("facts").replaceChildren(...order.map((c) => {
      const row = document.createElement("div"), term = document.createElement("dt"), value = document.createElement("dd");
      term.textContent = colours[c].name;
      const worth = names.values[c][i];
      value.textContent = worth === null || worth === "" ? "–" : String(worth).replace("-", typeof worth === "number" ? "−" : "-");
      row.append(term, value);
      return row;
    }));
    $("picture").hidden = !picture;
    if (picture) put($("picture"), picture);
    follow(i, picture && picture.shape);
    return picture;
  };
  const hint = async (i, x, y, picture) => {
    if (phone.matches) return;
    tip.replaceChildren();
    if (picture) put(tip, picture);
    const name = document.createElement("bdi"), what = document.createElement("span");
    name.textContent = names.ids[i];
    what.textContent = names.what[i].length > 60 ? `${names.what[i].slice(0, 59)}…` : names.what[i];
    tip.append(name, what);
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${x + 16 + width > innerWidth - 6 ? Math.max(6, x - width - 16) : x + 16}px`;
    tip.style.top = `${Math.max(6, Math.min(y + 14, innerHeight - height - 6))}px`;
  };
  const select = (i, x, y, { say = false, tipped = true } = {}) => {
    if (i === current) return;
    current = i;
    plots.forEach((plot) => { if (seen.has(plot.box)) plot.mark(); });
    if (i < 0) { tip.hidden = true; if (pinned < 0) leave(); return; }
    show(i).then((picture) => {
      if (i !== current) return;
      if (tipped) hint(i, x, y, picture);
      if (say) $("status").textContent = `${names.ids[i]} ${names.what[i]}`;
    });
  };
  const leave = () => {
    panel.classList.remove("on");
    $("close").hidden = true;
    if (!phone.matches) return;
    panel.querySelector(".text").hidden = true;
    $("picture").hidden = true;
  };
  const pin = (i) => {
    pinned = i;
    $("close").hidden = i < 0;
    plots.forEach((plot) => { if (seen.has(plot.box)) plot.mark(); });
  };
  const letGo = () => { pin(-1); select(-1); };
  // Without a pointer on a map, the sample that was clicked is shown again.
  const rest = () => {
    tip.hidden = true;
    if (pinned >= 0) select(pinned, 0, 0, { tipped: false });
  };

  plots.forEach((plot) => {
    const { box } = plot;
    let waiting = null;
    box.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      const { left, top } = box.getBoundingClientRect(), [x, y] = [event.clientX, event.clientY];
      if (waiting) cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => {
        const i = plot.pick(x - left, y - top, 14);
        if (i >= 0) select(i, x, y); else if (pinned >= 0) rest(); else { tip.hidden = true; }
      });
    });
    box.addEventListener("pointerleave", () => { if (waiting) cancelAnimationFrame(waiting); rest(); });
    box.addEventListener("click", (event) => {
      const { left, top } = box.getBoundingClientRect();
      const i = plot.pick(event.clientX - left, event.clientY - top, event.pointerType === "touch" ? 28 : 14);
      if (i < 0) { letGo(); return; }
      pin(i);
      current = -1;
      select(i, event.clientX, event.clientY, { say: true, tipped: event.pointerType === "mouse" });
    });
    box.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") { letGo(); return; }
      if (event.key === "Enter" && current >= 0) { pin(current); return; }
      if (!way) return;
      event.preventDefault();
      const i = current < 0 ? plot.pick(plot.width / 2, plot.height / 2, 1e4) : plot.step(current, ...way);
      if (i < 0) return;
      const { left, top } = box.getBoundingClientRect();
      select(i, left + plot.px[i], top + plot.py[i], { say: true });
    });
    box.addEventListener("blur", () => { tip.hidden = true; });
  });
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  $("close").addEventListener("click", letGo);
  $("find").addEventListener("input", async (event) => {
    const word = event.target.value.trim().toLowerCase();
    await named;
    if (!word) return;
    const lower = (text) => text.toLowerCase();
    const tests = [(i) => lower(names.ids[i]) === word, (i) => lower(names.ids[i]).includes(word), (i) => lower(names.what[i]).includes(word)];
    const i = tests.map((test) => names.ids.findIndex((_, at) => test(at))).find((at) => at >= 0) ?? -1;
    event.target.setAttribute("aria-invalid", String(i < 0));
    if (i < 0) { $("status").textContent = `no such ${data.one}`; return; }
    pin(i);
    current = -1;
    select(i, 0, 0, { say: true, tipped: false });
  });

  const legend = () => {
    const one = colours[colour], { ramp, kinds, grey } = theme(), box = $("legend");
    const text = (words) => Object.assign(document.createElement("span"), { textContent: words });
    if (!one) { box.replaceChildren(); return; }
    if (!one.kinds) {
      const scale = Object.assign(document.createElement("span"), { className: "scale" });
      scale.style.background = `linear-gradient(to right, ${ramp.join()})`;
      box.replaceChildren(text(one.ends[0]), scale, text(one.ends[1]));
      return;
    }
    const entry = (words, shade) => {
      const label = text(words), dot = document.createElement("i");
      dot.style.background = shade;
      label.prepend(dot);
      return label;
    };
    box.replaceChildren(...one.kinds.map((kind, i) => entry(kind, kinds[i])), ...(one.rest ? [entry("others", grey)] : []));
  };
  const repaint = () => { legend(); drawSeen(); };
  if ($("colour")) {
    $("colour").value = "0";
    $("colour").addEventListener("change", (event) => { colour = Number(event.target.value); repaint(); });
  }
  night.addEventListener("change", repaint);
  addEventListener("beforeprint", () => {
    if (printing) return;
    printing = true;
    legend();
    plots.forEach((plot) => plot.toPaper());
  });
  addEventListener("afterprint", () => {
    printing = false;
    document.querySelectorAll(".plot > svg").forEach((svg) => svg.remove());
    repaint();
  });
  legend();
{% if in_space %}
{% include "map-viewer.js" %}
{% else %}
  const follow = () => {};
{% endif %}
})();
