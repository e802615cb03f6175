  // One 3D canvas, which follows the selected sample; without WebGL the drawing stays alone.
  const RESIDUES = {
    A: "ALA", C: "CYS", D: "ASP", E: "GLU", F: "PHE", G: "GLY", H: "HIS", I: "ILE", K: "LYS", L: "LEU",
    M: "MET", N: "ASN", P: "PRO", Q: "GLN", R: "ARG", S: "SER", T: "THR", V: "VAL", W: "TRP", Y: "TYR",
  };
  let viewer, broken = false, soon = 0;
  const canShow = () => {
    const probe = document.createElement("canvas");
    const context = probe.getContext("webgl2") ?? probe.getContext("webgl");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return Boolean(context);
  };
  // The code is unpacked and run once, at the first sample that has coordinates.
  const start = async () => {
    if (!canShow()) return null;
    const script = document.createElement("script");
    script.textContent = await unzip($("viewer-code").textContent);
    document.head.append(script);
    $("viewer").hidden = false;
    const made = window.$3Dmol.createViewer($("viewer"), { backgroundAlpha: 0, disableFog: true });
    $("viewer").querySelector("canvas").setAttribute("aria-hidden", "true");
    $("viewer").querySelector("canvas").addEventListener("webglcontextlost", () => { broken = true; $("viewer").hidden = true; });
    return made;
  };
  const column = (value, width) => String(value).padStart(width);
  const backbone = (shape) => shape.z.map((_, i) => {
    const residue = Math.floor(i / 4), [x, y, z] = [0, 1, 2].map((axis) => column((shape.p[3 * i + axis] / 100).toFixed(3), 8));
    const name = [" N  ", " CA ", " C  ", " O  "][i % 4];
    return `ATOM  ${column((i + 1) % 1e5, 5)} ${name} ${RESIDUES[shape.s[residue]] ?? "UNK"} A${column((residue + 1) % 1e4, 4)}    ${x}${y}${z}  1.00  0.00           ${name.trim()[0]}`;
  }).join("\n");
  const build = (shape, number) => {
    viewer.removeAllModels();
    viewer.removeAllShapes();
    const place = (i) => ({ x: shape.p[3 * i] / 100, y: shape.p[3 * i + 1] / 100, z: shape.p[3 * i + 2] / 100 });
    if (shape.s) {
      viewer.addModel(backbone(shape), "pdb");
      viewer.setStyle({}, { cartoon: { color: "spectrum" } });
    } else {
      const atoms = shape.z.map((z, i) => ({ elem: data.elements[z], ...place(i), serial: i, index: i, bonds: [], bondOrder: [] }));
      for (let j = 0; j < (shape.b ?? []).length; j += 2) {
        const [a, b] = [shape.b[j], shape.b[j + 1]];
        atoms[a].bonds.push(b);
        atoms[a].bondOrder.push(1);
        atoms[b].bonds.push(a);
        atoms[b].bondOrder.push(1);
      }
      viewer.addModel().addAtoms(atoms);
      for (const z of new Set(shape.z)) {
        const sphere = { radius: (shape.e ? 0.5 : 0.45) * data.radii[z], colorscheme: "Jmol" };
        viewer.setStyle({ elem: data.elements[z] }, { stick: { radius: 0.1, colorscheme: "Jmol" }, sphere });
      }
    }
    for (let j = 0; j < (shape.e ?? []).length; j += 6) {
      const [a, b, c, d, e, f] = shape.e.slice(j, j + 6).map((length) => length / 100);
      viewer.addCylinder({ start: { x: a, y: b, z: c }, end: { x: d, y: e, z: f }, radius: 0.04, color: "#8d959e" });
    }
    shape.z.forEach((_, i) => {
      const owner = shape.o ? shape.o[i] : i;
      if (owner === number && (!shape.s || i % 4 === 1)) viewer.addSphere({ center: place(i), radius: 0.8, color: "#e8590c", alpha: 0.5 });
    });
    viewer.zoomTo();
    viewer.render();
  };
  const follow = (i, shape) => {
    clearTimeout(soon);
    if (!shape || broken) { $("viewer").hidden = true; return; }
    soon = setTimeout(async () => {
      viewer ??= start();
      viewer = await viewer;
      if (!viewer) { broken = true; return; }
      if (i !== current) return;
      $("viewer").hidden = false;
      viewer.resize();
      build(shape, names.number ? names.number[i] : -1);
    }, 90);
  };
