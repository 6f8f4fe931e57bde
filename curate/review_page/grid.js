/* The grid of the review page: only the rows in sight are in the page, in as many columns as there
   is room for. */

const PAGE = 60; // rows asked for at once
const ROW = 168; // px, with what lies between two
const grid = { pages: new Map(), rows: new Map(), columns: 1 };
const LEAST_WIDTH = { copies: 620, nearly: 620, cluster: 1240, outlier: 420, label: 460, sample: 420 }; // px, of a column
const TALLEST = 32e6; // px: browsers cap an element's height near 33 million

function gridLength() {
  return sizeOf(state.tab);
}

function openGrid() {
  showOnly("grid");
  grid.pages.clear();
  layGrid(0);
}

/* Lay the rows out anew, in as many columns as there is room for, and show one of them. */
function layGrid(place) {
  $("grid-space").replaceChildren();
  grid.rows.clear();
  grid.columns = Math.max(1, Math.floor($("grid").clientWidth / LEAST_WIDTH[state.tab]));
  grid.height = Math.ceil(gridLength() / grid.columns) * ROW + 24;
  $("grid-space").style.height = `${Math.min(TALLEST, grid.height)}px`;
  $("grid").scrollTop = Math.floor(place / grid.columns) * ROW / gridStretch();
  drawGrid();
}

/* How many px of the grid one px of the scroll bar stands for: 1, but of very many rows more. */
function gridStretch() {
  const seen = $("grid").clientHeight;
  return Math.max(1, (grid.height - seen) / (Math.min(TALLEST, grid.height) - seen));
}

function setPlace(row, place) {
  const { scrollTop } = $("grid");
  const top = 12 + Math.floor(place / grid.columns) * ROW;
  row.style.top = `${Math.round(top - scrollTop * gridStretch() + scrollTop)}px`;
  row.style.setProperty("--column", place % grid.columns);
  row.style.setProperty("--columns", grid.columns);
}

async function loadPage(page) {
  const base = isPairs() ? `/api/groups?of=${state.tab}&` : `/api/subjects/${state.tab}?`;
  const tab = state.tab;
  const answer = await ask(`${base}start=${page * PAGE}&n=${PAGE}`);
  if (tab === state.tab) grid.pages.set(page, answer.groups ?? answer.subjects);
}

async function drawGrid() {
  const tab = state.tab;
  const top = $("grid").scrollTop * gridStretch();
  const first = Math.max(0, Math.floor(top / ROW) - 2) * grid.columns;
  const last = Math.min(gridLength(), (Math.ceil((top + $("grid").clientHeight) / ROW) + 2) * grid.columns) - 1;
  const pages = new Set();
  for (let place = first; place <= last; place += 1) pages.add(Math.floor(place / PAGE));
  const missing = [...pages].filter((page) => !grid.pages.has(page));
  try { await Promise.all(missing.map(loadPage)); } catch (error) { fail(error); return; }
  if (tab !== state.tab || $("grid").hidden) return;
  for (const [place, row] of grid.rows) {
    if (place < first || place > last) { row.remove(); grid.rows.delete(place); } else setPlace(row, place);
  }
  for (let place = first; place <= last; place += 1) {
    const item = grid.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
    if (item && !grid.rows.has(place)) {
      const row = buildRow(item);
      setPlace(row, place);
      grid.rows.set(place, row);
      $("grid-space").append(row);
    }
  }
}

function replaceRow(place, item) {
  grid.pages.get(Math.floor(place / PAGE))[place % PAGE] = item;
  const old = grid.rows.get(place);
  const row = buildRow(item);
  setPlace(row, place);
  grid.rows.set(place, row);
  old?.replaceWith(row);
}

function buildRow(item) {
  return isPairs() ? buildGroupRow(item) : buildSubjectRow(item);
}

function buildGroupRow(group) {
  const of = state.tab;
  const send = (verb, rows) => exclusively(async () => {
    const answer = await ask("/api/decide", { of, place: group.place, verb, rows });
    state.count = answer.count;
    showCount();
    replaceRow(group.place, answer.group);
  });
  const all = make("button", { type: "button" }, of === "nearly" ? "A copy" : "All copies");
  all.addEventListener("click", () => send("all"));
  const look = make("button", { type: "button" }, "Look closer");
  look.addEventListener("click", () => { state.view = "one"; openGroup(group.place).catch(fail); });
  const head = make("div", { className: "head" }, make("b", {}, of === "nearly" ? `Pair ${(group.place + 1).toLocaleString("en")}` : `Group ${group.number}`),
    ...(of === "nearly" ? [] : [make("span", { className: "quiet" }, `${group.n_members} images`)]), ...(group.is_equal ? [] : [all]), look);
  const shots = make("div", { className: "shots" }, ...group.members.map((one, i) => {
    const shot = make("div", { className: "shot", title: one.path }, picture(one.row, 160, one.path));
    if (i === 0) { if (of !== "nearly") shot.append(make("span", { className: "verdict" }, "stays")); }
    else if (one.is_same_content) shot.append(make("span", { className: "quiet" }, "equal file"));
    else if (one.verdict) shot.append(make("span", { className: `verdict is-${one.verdict}` }, one.verdict));
    else {
      const not = make("button", { type: "button" }, "Not a copy");
      not.addEventListener("click", () => send("different", [one.row]));
      shot.append(make("span", { className: "quiet" }, `${one.match ?? ""} ${one.probability?.toFixed(3) ?? ""} `), not);
    }
    return shot;
  }));
  shots.tabIndex = 0;
  shots.setAttribute("role", "group");
  shots.setAttribute("aria-label", titleOf(group));
  return make("div", { className: `row${group.is_decided ? " is-decided" : ""}` }, head, shots);
}

function buildSubjectRow(item) {
  const tab = state.tab;
  const send = (verdict, text) => exclusively(async () => {
    const answer = await ask("/api/decide", { subject: tab, place: item.place, verdict, text });
    state.count = answer.count;
    showCount();
    replaceRow(item.place, { ...item, verdict: verdict === "undecided" ? null : verdict, text });
  });
  const text = make("div", { className: "text" }, make("b", {}, item.text || item.caption),
    ...(tab === "cluster" && !item.text ? [] : [make("bdi", { className: "quiet" }, tab === "cluster" ? item.caption : item.path)]));
  const choices = make("div", { className: "choices" });
  if (tab === "cluster") {
    const name = make("input", { type: "text", value: item.text ?? "", maxLength: 200, placeholder: "Name", title: "Clusters of one name are merged", ariaLabel: `Name of ${item.caption}` });
    name.addEventListener("change", () => send(name.value.trim() ? "name" : "undecided", name.value.trim() || null));
    const hide = make("button", { type: "button", ariaPressed: String(item.verdict === "reject") }, "Hide");
    hide.addEventListener("click", () => send(item.verdict === "reject" ? "undecided" : "reject", null));
    text.append(name);
    choices.append(hide);
  } else {
    for (const [verdict, title] of CHOICES[tab]) {
      const button = make("button", { type: "button", ariaPressed: String(item.verdict === verdict) }, title);
      button.addEventListener("click", () => send(item.verdict === verdict ? "undecided" : verdict, null));
      choices.append(button);
    }
  }
  text.append(choices);
  const rows = item.examples.length ? item.examples : [item.row];
  const shots = make("div", { className: "shots" }, ...rows.map((row) => make("div", { className: "shot" }, picture(row, 160, ""))));
  if (rows.length > 1) { shots.tabIndex = 0; shots.setAttribute("role", "group"); shots.setAttribute("aria-label", item.caption); }
  const parts = tab === "cluster" ? [make("div", { className: "head" }, text), shots] : [shots, text];
  return make("div", { className: `row${item.verdict ? " is-decided" : ""}` }, ...parts);
}

$("grid").addEventListener("scroll", () => {
  if (!grid.waiting) grid.waiting = requestAnimationFrame(() => { grid.waiting = 0; drawGrid(); });
}, { passive: true });
addEventListener("resize", () => {
  if ($("grid").hidden) return;
  layGrid(Math.floor($("grid").scrollTop * gridStretch() / ROW) * grid.columns);
});
