  // Moves the pointer over every mark of the charts; part of a script that defines `out` and `wait`.
  out.tooltips = [];
  for (const mark of document.querySelectorAll(".chart [data-t]")) {
    mark.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, clientX: 300, clientY: 300 }));
    out.tooltips.push(document.getElementById("tip").textContent);
  }
  out.injected = document.querySelectorAll("img, video").length;
  const boxes = [...document.querySelectorAll("th a, h1")];
  out.names = boxes.map((box) => box.textContent);
