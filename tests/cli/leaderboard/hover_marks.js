  // Moves the pointer over every mark of the charts; part of a script that defines `out` and `wait`.
  for (const mark of document.querySelectorAll('[data-chart] svg [role="graphics-symbol"] path, [data-chart] svg path[role="graphics-symbol"]')) {
    const { x, y, width, height } = mark.getBoundingClientRect();
    for (const kind of ["pointermove", "mousemove"]) {
      const at = { bubbles: true, clientX: x + width / 2, clientY: y + height / 2 };
      mark.dispatchEvent(kind[0] === "p" ? new PointerEvent(kind, at) : new MouseEvent(kind, at));
    }
    await wait(10);
  }
  await wait(300);
  out.tooltip = document.getElementById("vg-tooltip-element")?.textContent ?? "";
  out.injected = document.querySelectorAll("img, video").length;
  const boxes = [...document.querySelectorAll("th a, h1")];
  out.names = boxes.map((box) => box.textContent);
