(() => {
{% include "tips.js" %}
  const filters = document.getElementById("filters");
  const boards = [...document.querySelectorAll(".board")].map((section) => {
    const table = section.querySelector("table");
    const groups = [...table.tBodies], flat = document.createElement("tbody");
    flat.className = "flat";
    const marks = [...section.querySelectorAll(".chart [data-m]")];
    return { section, table, groups, flat, marks, heads: [...table.tHead.rows[0].cells], rows: groups.flatMap((body) => [...body.rows]) };
  });
  const home = new Map(boards.flatMap(({ groups }) => groups.flatMap((body) => [...body.rows].map((row) => [row, body]))));
  const total = new Set(boards.flatMap(({ rows }) => rows.map((row) => row.dataset.model))).size;

  const value = (row, column, numeric) => {
    const cell = row.cells[column];
    return numeric ? (cell.dataset.sort === "" ? null : Number(cell.dataset.sort)) : cell.dataset.sort;
  };
  // Undefined values come last in either direction.
  const compare = (numeric, up) => (x, y) => {
    if (x === null || y === null) return (x === null) - (y === null);
    return (up ? 1 : -1) * (numeric ? x - y : x.localeCompare(y));
  };
  const arrange = (board) => {
    const column = board.heads.findIndex((head) => ["ascending", "descending"].includes(head.getAttribute("aria-sort")));
    const numeric = board.heads[column].dataset.kind === "number";
    const order = compare(numeric, board.heads[column].getAttribute("aria-sort") === "ascending");
    const key = new Map(board.rows.map((row) => [row, value(row, column, numeric)]));
    const sorted = [...board.rows].sort((a, b) => order(key.get(a), key.get(b)));
    const grouped = filters.elements.grouped.checked;
    [...board.table.tBodies].forEach((body) => body.remove());
    if (grouped) {
      // A family is at the place of its best visible model.
      const bodies = new Set();
      sorted.forEach((row) => home.get(row).append(row));
      sorted.filter((row) => !row.hidden).forEach((row) => bodies.add(home.get(row)));
      board.groups.forEach((body) => bodies.add(body));
      board.table.append(...bodies);
    } else {
      board.flat.append(...sorted);
      board.table.append(board.flat);
    }
  };
  const show = () => {
    const { domain, modality, licence, search } = filters.elements;
    const asked = search.value.trim().toLowerCase(), visible = new Set();
    boards.forEach((board) => {
      board.section.hidden = domain.value !== "" && board.section.dataset.domain !== domain.value;
      board.rows.forEach((row) => {
        const { model, family } = row.dataset;
        row.hidden = (modality.value !== "" && row.dataset.modality !== modality.value)
          || (licence.value !== "" && row.dataset.licence !== licence.value)
          || !`${model} ${family}`.toLowerCase().includes(asked);
        if (!row.hidden && !board.section.hidden) visible.add(model);
      });
      const left = new Set(board.rows.filter((row) => !row.hidden).map((row) => row.dataset.m));
      board.section.querySelector(".none").hidden = left.size > 0;
      board.marks.forEach((mark) => mark.classList.toggle("faint", left.size < board.rows.length && !left.has(mark.dataset.m)));
      arrange(board);
    });
    status.textContent = visible.size < total ? `${visible.size} of ${total} models` : `${total} models`;
  };
  boards.forEach((board) => board.heads.forEach((head) => head.querySelector("button")?.addEventListener("click", () => {
    const before = head.getAttribute("aria-sort"), first = head.dataset.first;
    const next = before === "none" ? first : before === "ascending" ? "descending" : "ascending";
    board.heads.forEach((each) => each.hasAttribute("aria-sort") && each.setAttribute("aria-sort", each === head ? next : "none"));
    arrange(board);
    status.textContent = `${board.section.dataset.domain}: sorted by ${head.dataset.name}, ${next}`;
  })));
  // A finger has no other way to a tooltip than a tap.
  document.querySelectorAll(".chart a").forEach((link) => link.addEventListener("click", (event) => {
    if (event.pointerType === "touch") event.preventDefault();
  }));
  filters.addEventListener("input", show);
  filters.addEventListener("submit", (event) => event.preventDefault());
  show();  // a reloaded page keeps its filters
})();
