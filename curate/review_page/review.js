/* The review page: duplicate groups one by one or as a grid, and lists of clusters and images. */

const LONG_ASPECT = 2.5; // a panorama beside another image would be a thin strip: it lies above
const $ = (id) => document.getElementById(id);
const state = { tab: "copies", view: "one", place: 0, member: 1, mode: "sides", count: null, zoom: { scale: 1, x: 0, y: 0 } };
const TABS = [
  ["copies", "Copies"],
  ["nearly", "Nearly copies"],
  ["cluster", "Clusters"],
  ["outlier", "Outliers"],
  ["label", "Labels"],
  ["sample", "Sample"],
];
const EQUAL = "Equal files: there is nothing to decide.";
const CHOICES = {
  outlier: [["accept", "An outlier"], ["reject", "Not one"]],
  label: [["accept", "The label is right"], ["reject", "The label is wrong"]],
  sample: [["take", "Take"], ["leave", "Leave"]],
};

/* Copies and nearly copies are looked at in pairs, all else in lists. */
function isPairs(tab = state.tab) { return tab === "copies" || tab === "nearly"; }
function queueCount(tab = state.tab) { return tab === "nearly" ? state.count.nearly : state.count; }
function sizeOf(tab) { return isPairs(tab) ? queueCount(tab).groups : state.count.subjects[tab]; }

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

function make(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function picture(row, side, alt) {
  const image = make("img", { alt, decoding: "async", src: `/image/${row}/${side}` });
  image.addEventListener("error", () => { image.alt = "not in the pixel cache"; }, { once: true });
  return image;
}

function say(text) { $("said").textContent = text; }

function fail(error) {
  say(String(error));
  $("progress").textContent = error instanceof TypeError ? "The server does not answer. Start curate review again." : String(error);
}

/* ---- the numbers above ---- */

function showCount() {
  const { said, untold } = state.count;
  const all = sizeOf(state.tab);
  const done = isPairs() ? queueCount().decided : said[state.tab];
  $("progress").textContent = all ? `${done.toLocaleString("en")} of ${all.toLocaleString("en")} decided` : "";
  $("meter").style.width = all ? `${100 * Math.min(1, done / all)}%` : "0";
  const tabs = TABS.filter(([name]) => name === "copies" || sizeOf(name) > 0 || (name === "label" && untold));
  $("tabs").replaceChildren(...tabs.map(([name, text]) => {
    const n = sizeOf(name);
    const button = make("button", { type: "button" }, text, make("span", { className: "n" }, n.toLocaleString("en")));
    if (name === state.tab) button.setAttribute("aria-current", "page");
    button.addEventListener("click", () => openTab(name));
    return button;
  }));
  $("tabs").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

async function openTab(name) {
  state.tab = name;
  showCount();
  if (name === "copies" && state.count.groups === 0) {
    if (state.count.was_searched) showEmpty("No image is a copy of another", "There may be something to decide in the other tabs.");
    else showEmpty("Copies were not looked for yet", `Run ${state.count.dedup} first, or look at the other tabs.`);
  } else if (isPairs() && state.view === "one") {
    await openGroup(queueCount().next ?? 0);
  } else if (name === "label" && state.count.untold) {
    showEmpty("No label is called suspicious", `The reason: ${state.count.untold}.`);
  } else {
    openGrid();
  }
}

function showOnly(id) {
  for (const name of ["one", "grid", "empty"]) $(name).hidden = name !== id;
}

function showEmpty(title, text) {
  showOnly("empty");
  $("empty").replaceChildren(make("h2", {}, title), make("p", { className: "quiet" }, text));
}

/* ---- one by one ---- */

async function openGroup(place) {
  const n = queueCount().groups;
  state.place = ((place % n) + n) % n;
  const { groups } = await ask(`/api/groups?of=${state.tab}&start=${state.place}&n=1`);
  state.group = groups[0];
  const open = state.group.members.findIndex((one, i) => i > 0 && !one.verdict && !one.is_same_content);
  state.member = open > 0 ? open : Math.min(1, state.group.members.length - 1);
  state.zoom = { scale: 1, x: 0, y: 0 };
  await showGroup();
}

function sizeText(n) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  while (n >= 1000 && at < 3) { n /= 1000; at += 1; }
  return `${at ? n.toFixed(1) : n} ${units[at]}`;
}

function describeSide(title, one) {
  return make("div", {}, make("b", {}, title), make("br"), make("bdi", { className: "path" }, one.path), make("br"),
    make("span", { className: "quiet" }, `${one.width}×${one.height} px, ${sizeText(one.bytes)}`));
}

function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

async function showGroup() {
  showOnly("one");
  const { group } = state;
  const kept = group.members[0];
  const member = group.members[state.member];
  const ticket = state.ticket = Symbol("group");
  let lay = { matrix: null };
  if (member !== kept) {
    try { lay = await ask(`/api/lay/${kept.row}/${member.row}`); } catch (error) { fail(error); }
  }
  if (ticket !== state.ticket) return;
  const isNearly = state.tab === "nearly";
  const figure = make("figure", { className: "pair" });
  if (lay.matrix) figure.dataset.matrix = lay.matrix.join(" ");
  const images = [picture(kept.row, 512, `${isNearly ? "One" : "Stays"}: ${kept.path}`), picture(member.row, 512, `Perhaps a copy: ${member.path}`)];
  const isLong = [kept, member].some((one) => one.width > LONG_ASPECT * one.height);
  for (const [i, one] of [kept, member].entries()) images[i].classList.toggle("icon", Math.max(one.width, one.height) <= 48);
  figure.append(make("div", { className: `pair-sides${isLong ? " is-stacked" : ""}` },
    make("div", { className: "pair-side" }, images[0]), make("div", { className: "pair-side" }, images[1])));
  for (const [i, side] of [...figure.querySelectorAll(".pair-side")].entries()) {
    const one = i ? member : kept;
    side.style.setProperty("--aspect", one.width / one.height);
  }
  preparePair(figure);
  listenZoom(figure);
  const look = make("div", { className: "look" }, figure,
    make("div", { className: "names" }, describeSide(isNearly ? "one" : "stays", kept), describeSide(member.is_same_content ? "equal file" : "perhaps a copy", member)));
  $("one").replaceChildren(look, buildSide(group, kept, member, lay));
  await Promise.all(images.map((image) => image.decode().catch(() => {})));
  if (ticket === state.ticket) { showPair(figure, state.mode); applyZoom(); preload(); }
  say(`${titleOf(group)}. ${member.path}${member.probability === null ? "" : `, probability ${member.probability.toFixed(3)}`}`);
}

function titleOf(group) {
  if (group.number === null) return `Pair ${(group.place + 1).toLocaleString("en")}, in no common group`;
  return `Group ${group.number}, ${group.n_members} images`;
}

function buildSide(group, kept, member, lay) {
  const facts = make("dl", { className: "facts" });
  if (member.match) facts.append(fact("evidence", member.match));
  if (member.probability !== null) facts.append(fact("probability", member.probability.toFixed(4)));
  if (lay.matrix) {
    facts.append(fact("points that agree", lay.inliers ? String(lay.inliers) : "none; their frames do"), fact("textured tiles that agree", `${(100 * lay.agreement).toFixed(0)} %`));
    if (lay.mirrored) facts.append(fact("mirrored", "yes"));
  } else if (member !== kept) facts.append(fact("aligned", "no"));
  if (member.reason && state.tab === "copies") facts.append(fact("why this one goes", member.reason));
  if (kept.label || member.label) facts.append(fact("labels", `${kept.label ?? "–"} / ${member.label ?? "–"}`));
  if (kept.split || member.split) facts.append(fact("splits", `${kept.split ?? "–"} / ${member.split ?? "–"}`));
  if (member.verdict) facts.append(fact("you said", member.verdict));
  const side = make("aside", { className: "side", ariaLabel: "Evidence and decisions" },
    make("h2", {}, titleOf(group)), facts);
  if (member.probability !== null) {
    const bar = make("span");
    bar.style.width = `${100 * member.probability}%`;
    side.append(make("span", { className: "chance", ariaHidden: "true" }, bar));
  }
  const act = (text, key, run, isFirst = false) => {
    const button = make("button", { type: "button", className: isFirst ? "first" : "" }, text, make("kbd", {}, key));
    button.addEventListener("click", run);
    return button;
  };
  if (member.is_same_content) side.append(make("p", { className: "quiet" }, EQUAL));
  side.append(make("div", { className: "acts" },
    ...(group.is_equal ? [] : [act(group.members.length > 2 ? "All are copies" : "A copy", "A", () => decideAll(), true)]),
    ...(member.is_same_content ? [] : [act("Not a copy", "D", () => decide("different"))]),
    ...(group.members.length > 2 && !member.is_same_content ? [act("This one is a copy", "C", () => decide("copy"))] : []),
    ...(state.tab === "copies" && !member.is_same_content ? [act("Keep this one instead", "K", () => decide("keep"))] : []),
    act("Skip", "S", () => openGroup(state.place + 1).catch(fail))));
  side.append(make("ul", { className: "strip" }, ...group.members.map((one, i) => {
    const button = make("button", { type: "button", ariaPressed: String(i === state.member), title: one.path },
      picture(one.row, 96, one.path), make("span", { className: "tag" }, i === 0 ? (group.number === null ? "one" : "stays") : one.verdict ?? (one.is_same_content ? "equal" : one.probability?.toFixed(2) ?? "?")));
    button.disabled = i === 0;
    button.addEventListener("click", () => { state.member = i; showGroup().catch(fail); });
    return make("li", {}, button);
  })));
  if (group.n_members > group.members.length) side.append(make("p", { className: "quiet small" }, `and ${group.n_members - group.members.length} more`));
  return side;
}

function preload() {
  if (queueCount().next === null) return;
  ask(`/api/groups?of=${state.tab}&start=${(state.place + 1) % queueCount().groups}&n=1`).then(({ groups }) => {
    for (const one of groups[0]?.members.slice(0, 2) ?? []) new Image().src = `/image/${one.row}/512`;
  }).catch(() => {});
}

async function send(verb, rows) {
  const answer = await ask("/api/decide", { of: state.tab, place: state.place, verb, rows });
  state.count = answer.count;
  state.group = answer.group;
  showCount();
  return answer;
}

async function advance(answer) {
  const open = answer.group.members.findIndex((one, i) => i > 0 && !one.verdict && !one.is_same_content);
  if (open > 0) {
    state.member = open;
    await showGroup();
  } else if (answer.next === null) {
    showEmpty(state.tab === "nearly" ? "Every pair is decided" : "Every group is decided", `Run ${state.count.dedup}: it obeys what you said. U takes the last decision back.`);
  } else {
    await openGroup(answer.next);
  }
}

/* One thing at a time. A decision made while the next group is still on its way would fall on images
   that nobody has seen: it is dropped. An undo waits. */
let isBusy = false;
let running = Promise.resolve();
function exclusively(work, isPatient = false) {
  if (isBusy && !isPatient) return running;
  running = running.then(async () => {
    setBusy(true);
    try { await work(); } catch (error) { fail(error); } finally { setBusy(false); }
  });
  setBusy(true);
  return running;
}

function setBusy(value) {
  isBusy = value;
  document.body.classList.toggle("is-busy", value);
}

function decide(verb) {
  const member = state.group.members[state.member];
  if (member.is_same_content) { say(EQUAL); return running; }
  return exclusively(async () => {
    const answer = await send(verb, [member.row]);
    say(verb);
    if (verb === "keep") { state.member = Math.min(1, state.group.members.length - 1); await showGroup(); } else await advance(answer);
  });
}

function decideAll() {
  if (state.group.is_equal) { say(EQUAL); return running; }
  return exclusively(async () => {
    const answer = await send("all");
    say("all copies");
    await advance(answer);
  });
}

function undo() {
  return exclusively(async () => {
    const { undone, count } = await ask("/api/undo", {});
    state.count = count;
    showCount();
    say(undone ? "undone" : "nothing to undo");
    grid.pages.clear();
    if (isPairs() && state.view === "one" && queueCount().groups) await openGroup(queueCount().next ?? state.place);
    else if (!$("grid").hidden) openGrid();
  }, true);
}

/* ---- both images zoomed together ---- */

function applyZoom() {
  const { scale, x, y } = state.zoom;
  for (const image of document.querySelectorAll("#one .pair-side img, #one .pair-side svg")) {
    image.style.transformOrigin = "0 0";
    image.style.transform = scale === 1 ? "" : `scale(${scale}) translate(${-100 * x}%, ${-100 * y}%)`;
  }
}

function zoomTo(scale, atX = 0.5, atY = 0.5) {
  const zoom = state.zoom;
  const next = Math.min(16, Math.max(1, scale));
  const clamp = (value) => Math.min(1 - 1 / next, Math.max(0, value));
  zoom.x = clamp(zoom.x + atX / zoom.scale - atX / next);
  zoom.y = clamp(zoom.y + atY / zoom.scale - atY / next);
  zoom.scale = next;
  applyZoom();
}

function listenZoom(figure) {
  for (const side of figure.querySelectorAll(".pair-side")) {
    side.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = side.getBoundingClientRect();
      zoomTo(state.zoom.scale * (event.deltaY < 0 ? 1.25 : 0.8), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }, { passive: false });
    side.addEventListener("pointermove", (event) => {
      if (!event.buttons || state.zoom.scale === 1) return;
      const box = side.getBoundingClientRect();
      const most = 1 - 1 / state.zoom.scale;
      state.zoom.x = Math.min(most, Math.max(0, state.zoom.x - event.movementX / box.width / state.zoom.scale));
      state.zoom.y = Math.min(most, Math.max(0, state.zoom.y - event.movementY / box.height / state.zoom.scale));
      applyZoom();
    });
    side.addEventListener("dragstart", (event) => event.preventDefault());
  }
}

/* ---- keys ---- */

function step(by) {
  const n = state.group.members.length;
  if (n < 2) return;
  state.member = 1 + ((state.member - 1 + by + n - 1) % (n - 1));
  showGroup().catch(fail);
}

const KEYS = {
  a: () => decideAll(),
  c: () => decide("copy"),
  d: () => decide("different"),
  k: () => { if (state.tab === "copies") decide("keep"); },
  s: () => openGroup(state.place + 1).catch(fail),
  ArrowRight: () => openGroup(state.place + 1).catch(fail),
  ArrowLeft: () => openGroup(state.place - 1).catch(fail),
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  "+": () => zoomTo(state.zoom.scale * 1.5),
  "=": () => zoomTo(state.zoom.scale * 1.5),
  "-": () => zoomTo(state.zoom.scale / 1.5),
  0: () => zoomTo(1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  if (event.target.matches?.("input[type=text], select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "?") { $("keys").showModal(); return; }
  if (key === "u") { undo(); return; }
  if (!state.count || !isPairs() || !queueCount().groups) return;
  if (key === "g") {
    state.view = state.view === "one" ? "grid" : "one";
    openTab(state.tab).catch(fail);
    return;
  }
  if ($("one").hidden || event.target.matches?.("input[type=range]")) return;
  const mode = PAIR_MODES[Number(key) - 1];
  if (mode) {
    state.mode = mode[0];
    const figure = document.querySelector("#one figure.pair");
    if (figure) showPair(figure, state.mode);
  } else if (KEYS[key]) {
    event.preventDefault();
    if (!isBusy) KEYS[key]();
  }
});

$("undo").addEventListener("click", undo);
$("help").addEventListener("click", () => $("keys").showModal());
ask("/api/count").then((count) => {
  state.count = count;
  return openTab("copies");
}).catch(fail);
