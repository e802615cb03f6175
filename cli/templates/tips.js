  // Tooltips of static charts, by pointer, touch and arrow keys. Texts are set as text, never as markup.
  const tip = document.getElementById("tip"), status = document.getElementById("status");
  const place = (x, y) => {
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${y + 18 + height > innerHeight ? Math.max(6, y - height - 12) : y + 18}px`;
  };
  const hideTip = () => { tip.hidden = true; };
  document.querySelectorAll(".chart").forEach((chart) => {
    const marks = [...chart.querySelectorAll("[data-t]")];
    let at = -1;
    const show = (mark, x, y, say) => {
      marks.forEach((one) => one.classList.toggle("at", one === mark && say));
      tip.replaceChildren(document.createTextNode(mark.dataset.t));
      place(x, y);
      if (say) status.textContent = mark.dataset.t.replaceAll("\n", ", ");
    };
    chart.addEventListener("pointerover", (event) => {
      const mark = event.target.closest("[data-t]");
      if (mark) show(mark, event.clientX, event.clientY, false); else hideTip();
    });
    chart.addEventListener("pointerleave", hideTip);
    chart.addEventListener("blur", () => { marks.forEach((one) => one.classList.remove("at")); hideTip(); });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hideTip();
      if (!step || !marks.length) return;
      event.preventDefault();
      at = (at + step + marks.length) % marks.length;
      const box = marks[at].getBoundingClientRect();
      show(marks[at], box.right, box.top, true);
    });
  });
  addEventListener("scroll", hideTip, { passive: true });
