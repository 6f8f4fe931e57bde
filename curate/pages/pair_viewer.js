"use strict";
/* A pair of images: side by side, laid over each other, their difference, or one after the other.

   A <figure class="pair"> holds two <img>; data-matrix says how the first lies on the second, six
   numbers that take shares of its width and height to shares of the second's. Without it the one is
   stretched over the other. */

const PAIR_MODES = [
  ["sides", "Side by side"],
  ["over", "Laid over"],
  ["difference", "Difference"],
  ["flicker", "Flicker"],
];

function pairMatrix(figure) {
  const numbers = (figure.dataset.matrix || "1 0 0 0 1 0").split(" ").map(Number);
  return numbers.length === 6 && numbers.every(Number.isFinite) ? numbers : [1, 0, 0, 0, 1, 0];
}

function invertMatrix([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  return [e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det];
}

function outlineOf([a, b, c, d, e, f]) {
  const corners = [[0, 0], [1, 0], [1, 1], [0, 1]];
  return corners.map(([x, y]) => `${a * x + b * y + c},${d * x + e * y + f}`).join(" ");
}

/* Whether the first covers the second and no more, mirrored or turned by quarters perhaps. */
function isWhole([a, b, c, d, e, f]) {
  const isCorner = (value) => Math.min(Math.abs(value), Math.abs(value - 1)) < 0.03;
  return [[0, 0], [1, 0], [1, 1], [0, 1]]
    .every(([x, y]) => isCorner(a * x + b * y + c) && isCorner(d * x + e * y + f));
}

function drawOutline(side, matrix) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 1 1");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const polygon = document.createElementNS(ns, "polygon");
  polygon.setAttribute("points", outlineOf(matrix));
  svg.append(polygon);
  side.append(svg);
}

function makeStage(first, second, matrix, aspect) {
  const stage = document.createElement("div");
  stage.className = "pair-stage";
  stage.hidden = true;
  stage.style.setProperty("--aspect", aspect);
  const below = new Image();
  below.src = second.src;
  below.alt = "";
  const over = new Image();
  over.src = first.src;
  over.alt = "";
  over.className = "over";
  const [a, b, c, d, e, f] = matrix;
  over.style.transform =
    `translate(${c * 100}%, ${f * 100}%) matrix(${a}, ${d / aspect}, ${b * aspect}, ${e}, 0, 0)`;
  stage.append(below, over);
  return stage;
}

function showPair(figure, mode) {
  const { sides, parts, slider } = figure.pairParts;
  figure.dataset.mode = mode;
  if (mode !== "sides" && !figure.pairParts.stage) {
    const { images, matrix } = figure.pairParts;
    const aspect = (images[1].naturalWidth || 1) / (images[1].naturalHeight || 1);
    figure.pairParts.stage = makeStage(images[0], images[1], matrix, aspect);
    sides.after(figure.pairParts.stage);
  }
  const stage = figure.pairParts.stage;
  sides.hidden = mode !== "sides";
  if (stage) {
    stage.hidden = mode === "sides";
    stage.querySelector(".over").style.opacity = mode === "over" ? slider.value / 100 : "";
  }
  slider.hidden = mode !== "over";
  figure.classList.toggle("is-difference", mode === "difference");
  figure.classList.toggle("is-flicker", mode === "flicker");
  for (const button of parts) {
    button.setAttribute("aria-pressed", String(button.value === mode));
  }
}

function preparePair(figure) {
  const images = [...figure.querySelectorAll(".pair-side img")];
  if (images.length !== 2) return;
  const matrix = pairMatrix(figure);
  const sides = figure.querySelector(".pair-sides");
  const bar = document.createElement("div");
  bar.className = "pair-bar";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "How the two images are shown");
  const parts = PAIR_MODES.map(([value, text]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.value = value;
    button.textContent = text;
    button.addEventListener("click", () => showPair(figure, value));
    return button;
  });
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = 100;
  slider.value = 50;
  slider.hidden = true;
  slider.setAttribute("aria-label", "How much of the image that lies above is seen");
  slider.addEventListener("input", () => showPair(figure, "over"));
  bar.append(...parts, slider);
  sides.before(bar);
  figure.pairParts = { sides, parts, slider, images, matrix };
  if (figure.dataset.matrix && !isWhole(matrix)) {
    const holders = figure.querySelectorAll(".pair-side");
    drawOutline(holders[0], invertMatrix(matrix));
    drawOutline(holders[1], matrix);
  }
  showPair(figure, "sides");
}

