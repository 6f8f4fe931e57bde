/* The report: copy buttons, pairs, and the map. Without scripts the page still shows all but the map. */

for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      const code = button.previousElementSibling;
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

document.querySelectorAll("figure.pair").forEach(preparePair);

class ImageMap {
  constructor(data) {
    this.data = data;
    this.canvas = document.getElementById("map-canvas");
    this.context = this.canvas.getContext("2d");
    this.tip = document.getElementById("map-tip");
    this.view = { scale: 1, x: 0, y: 0 };
    this.current = -1;
    this.beyond = new Set(data.beyond);
    this.sheets = data.sheets.map((src) => {
      const image = new Image();
      image.addEventListener("load", () => this.draw());
      image.src = src;
      return image;
    });
    this.fillSelect();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  fillSelect() {
    this.select = document.getElementById("map-by");
    for (const { name } of this.data.colours) this.select.append(new Option(name, name));
    if (!this.data.colours.length) this.select.closest("label").hidden = true;
    this.select.addEventListener("change", () => this.draw());
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      this.grip = { x: event.offsetX, y: event.offsetY };
      if (event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", () => { this.grip = null; });
    canvas.addEventListener("pointercancel", () => { this.grip = null; });
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerleave", () => this.show(-1));
    canvas.addEventListener("dblclick", (event) => this.zoom(2, event.offsetX, event.offsetY));
    canvas.addEventListener("keydown", (event) => this.press(event));
    const middle = (factor) => this.zoom(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
    document.getElementById("map-in").addEventListener("click", () => middle(1.5));
    document.getElementById("map-out").addEventListener("click", () => middle(1 / 1.5));
    document.getElementById("map-whole").addEventListener("click", () => {
      this.view = { scale: 1, x: 0, y: 0 };
      this.draw();
    });
    this.asImages = document.getElementById("map-images");
    this.asImages.addEventListener("change", () => this.draw());
  }

  move(event) {
    if (this.grip && event.pointerType === "mouse") {
      this.view.x += event.offsetX - this.grip.x;
      this.view.y += event.offsetY - this.grip.y;
      this.grip = { x: event.offsetX, y: event.offsetY };
      this.show(-1);
      this.draw();
      return;
    }
    this.show(this.nearest(event.offsetX, event.offsetY, 18));
  }

  press(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": 1.3, "=": 1.3, "-": 1 / 1.3 };
    if (event.key in zooms) {
      this.zoom(zooms[event.key], this.canvas.clientWidth / 2, this.canvas.clientHeight / 2);
    } else if (event.key in steps) {
      event.preventDefault();
      this.show(this.neighbour(...steps[event.key]), true);
    } else if (event.key === "Escape") {
      this.show(-1);
    }
  }

  place(i) {
    const { scale, x, y } = this.view;
    const margin = 24;
    const wide = this.canvas.clientWidth - 2 * margin;
    const tall = this.canvas.clientHeight - 2 * margin;
    return [
      x + scale * (margin + wide * this.data.x[i] / 4095),
      y + scale * (margin + tall * (1 - this.data.y[i] / 4095)),
    ];
  }

  nearest(x, y, within) {
    let best = -1;
    let least = within * within;
    for (let i = 0; i < this.data.x.length; i += 1) {
      const [left, top] = this.place(i);
      const far = (left - x) ** 2 + (top - y) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  neighbour(dx, dy) {
    if (this.current < 0) {
      return this.nearest(this.canvas.clientWidth / 2, this.canvas.clientHeight / 2, 1e6);
    }
    const [x, y] = this.place(this.current);
    let best = this.current;
    let least = Infinity;
    for (let i = 0; i < this.data.x.length; i += 1) {
      const [left, top] = this.place(i);
      const along = (left - x) * dx + (top - y) * dy;
      const across = Math.abs((left - x) * dy) + Math.abs((top - y) * dx);
      if (i !== this.current && along > 0.5 && along + 3 * across < least) {
        [best, least] = [i, along + 3 * across];
      }
    }
    return best;
  }

  zoom(factor, x, y) {
    const scale = Math.min(60, Math.max(1, this.view.scale * factor));
    const done = scale / this.view.scale;
    this.view = scale === 1 ? { scale: 1, x: 0, y: 0 } : {
      scale, x: x - (x - this.view.x) * done, y: y - (y - this.view.y) * done,
    };
    this.draw();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.draw();
  }

  colour(code, n) {
    if (code < 0) return "#8a8a8a";
    const known = ["#2f7ed8", "#e07b1a", "#2c9c69", "#c4418f", "#7b61d1", "#b8a11a", "#2aa3b5", "#d0453c"];
    if (n <= known.length) return known[code];
    return `hsl(${(code * 137.508) % 360} 62% ${code % 2 ? 46 : 60}%)`;
  }

  sprite(i) {
    const { side, columns } = this.data;
    const page = columns * columns;
    const place = i % page;
    return [Math.floor(i / page), (place % columns) * side, Math.floor(place / columns) * side];
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.paint();
    });
  }

  paint() {
    const ratio = window.devicePixelRatio || 1;
    const pen = this.context;
    const wide = this.canvas.clientWidth;
    const tall = this.canvas.clientHeight;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    const chosen = this.data.colours.find((one) => one.name === this.select.value);
    const n = chosen ? chosen.values.length : 0;
    const radius = Math.min(7, 2.6 + 0.5 * Math.log2(this.view.scale) + 40 / Math.sqrt(this.data.x.length + 60));
    const side = Math.min(72, 22 + 6 * Math.log2(this.view.scale));
    for (let i = 0; i < this.data.x.length; i += 1) {
      const [x, y] = this.place(i);
      if (x < -side || y < -side || x > wide + side || y > tall + side) continue;
      pen.fillStyle = this.colour(chosen ? chosen.code[i] : 0, n || 1);
      if (this.asImages.checked) {
        const [sheet, left, top] = this.sprite(i);
        pen.fillRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4);
        if (this.sheets[sheet].complete) {
          pen.drawImage(this.sheets[sheet], left, top, this.data.side, this.data.side, x - side / 2, y - side / 2, side, side);
        }
      } else {
        pen.globalAlpha = 0.82;
        pen.beginPath();
        pen.arc(x, y, radius, 0, 7);
        if (this.beyond.has(i)) {
          pen.lineWidth = 2;
          pen.strokeStyle = pen.fillStyle;
          pen.stroke();
        } else pen.fill();
        pen.globalAlpha = 1;
      }
    }
    if (this.current >= 0) {
      const [x, y] = this.place(this.current);
      pen.lineWidth = 3;
      pen.strokeStyle = getComputedStyle(document.body).color;
      pen.beginPath();
      pen.arc(x, y, radius + 5, 0, 7);
      pen.stroke();
    }
    this.fillLegend(chosen);
  }

  fillLegend(chosen) {
    const legend = document.getElementById("map-legend");
    const key = chosen ? chosen.name : "";
    if (legend.dataset.of === key) return;
    legend.dataset.of = key;
    legend.replaceChildren();
    const most = 24;
    for (const [code, value] of (chosen ? chosen.values : []).slice(0, most).entries()) {
      const item = document.createElement("li");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = this.colour(code, chosen.values.length);
      const text = document.createElement("bdi");
      text.textContent = value;
      item.append(swatch, text);
      legend.append(item);
    }
    if (chosen && chosen.values.length > most) {
      const item = document.createElement("li");
      item.textContent = `and ${chosen.values.length - most} more`;
      legend.append(item);
    }
  }

  show(i, isSaid = false) {
    if (i === this.current) return;
    this.current = i;
    this.draw();
    this.tip.hidden = i < 0;
    if (i < 0) return;
    const [sheet, left, top] = this.sprite(i);
    const thumb = document.getElementById("map-thumb");
    const factor = 120 / this.data.side;
    const image = this.sheets[sheet];
    thumb.style.backgroundImage = `url(${this.data.sheets[sheet]})`;
    thumb.style.backgroundSize = `${image.naturalWidth * factor}px ${image.naturalHeight * factor}px`;
    thumb.style.backgroundPosition = `${-left * factor}px ${-top * factor}px`;
    const facts = this.data.colours
      .filter((one) => one.code[i] >= 0)
      .map((one) => `${one.name} ${one.values[one.code[i]]}`)
      .concat(this.beyond.has(i) ? ["beyond the edge"] : [])
      .join(", ");
    document.getElementById("map-path").textContent = this.data.path[i];
    document.getElementById("map-facts").textContent = facts;
    const [x, y] = this.place(i);
    const wide = this.canvas.clientWidth;
    this.tip.style.left = `${Math.max(4, Math.min(wide - 184, x > wide / 2 ? x - 196 : x + 16))}px`;
    this.tip.style.top = `${Math.max(4, Math.min(this.canvas.clientHeight - 210, y - 60))}px`;
    if (isSaid) document.getElementById("map-said").textContent = `${this.data.path[i]}, ${facts}`;
  }
}

const mapData = document.getElementById("map-data");
if (mapData) new ImageMap(JSON.parse(mapData.textContent));
