"use strict";
// The page draws what it is given: kinds, names and rewards are all derived before it is written.

const $ = (id) => document.getElementById(id);
const index = JSON.parse($("index").textContent);
const packed = JSON.parse($("trees").textContent);
const unpacked = new Map();
const FILTERS = {
  all: () => true,
  "all goals": (t) => t.reward === 1,
  some: (t) => t.golden && t.reward < 1,
  none: (t) => !t.golden && !t.error,
  faults: (t) => t.error !== null,
};
const STEP = { x: 92, y: 30, left: 34, top: 50 }; // x: set for each tree, so that it fits where it can
const view = { filter: "all", words: "", order: "file", shown: [], tree: null, node: null };

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "circle", "text", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

async function unpack(number) {
  if (!unpacked.has(number)) {
    const bytes = Uint8Array.from(atob(packed[number]), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpacked.set(number, await new Response(stream).json());
  }
  return unpacked.get(number);
}

// The list ---------------------------------------------------------------------------------------

async function list() {
  const words = view.words.toLowerCase();
  const shown = [];
  for (let number = 0; number < index.length; number++) {
    if (!FILTERS[view.filter](index[number])) continue;
    if (words && !(await mentions(number, words))) continue;
    if (words !== view.words.toLowerCase()) return; // typed on: a newer search is under way
    shown.push(number);
  }
  const [, sign, key] = /^(-?)(.*)$/.exec(view.order);
  if (key !== "file") {
    const up = (key === "reward") === (sign === "-") ? 1 : -1;
    shown.sort((a, b) => up * (index[a][key] - index[b][key]) || a - b);
  }
  view.shown = shown;
  $("list").replaceChildren(...shown.map(item));
  $("totals").textContent = totals(shown);
  if (shown.length && !shown.includes(view.tree)) await open(shown[0]);
  if (!shown.length) $("list").replaceChildren(make("li", { class: "empty" }, "No tree fits."));
}

async function mentions(number, words) {
  const { scenario, goals } = index[number];
  if ([scenario, ...goals].some((text) => text.toLowerCase().includes(words))) return true;
  if (words.length < 3) return false;
  return JSON.stringify(await unpack(number)).toLowerCase().includes(words);
}

function totals(shown) {
  const mean = shown.reduce((sum, number) => sum + index[number].reward, 0) / (shown.length || 1);
  const golden = shown.filter((number) => index[number].golden).length;
  return `${shown.length} of ${index.length} trees · ${golden} golden · mean reward ${mean.toFixed(2)}`;
}

function item(number) {
  const tree = index[number];
  const dots = make("span", { class: "dots", title: `${tree.earned.length} of ${tree.goals.length} goals` });
  for (const goal of tree.goals) dots.append(tree.earned.includes(goal) ? make("b", {}, "★") : "·");
  const facts = tree.error ? make("small", { class: "fault" }, "fault: can be resumed")
    : make("small", {}, `${tree.nodes} nodes · ${tree.tokens.toLocaleString("en")} tokens`);
  return make("li", { class: number === view.tree ? "chosen" : null, "data-tree": number, onclick: () => open(number) },
    make("span", {}, tree.scenario), dots, facts);
}

// The tree ---------------------------------------------------------------------------------------

async function open(number) {
  view.tree = number;
  location.hash = encodeURIComponent(index[number].scenario);
  for (const li of $("list").children) li.classList.toggle("chosen", Number(li.dataset.tree) === number);
  document.querySelector("li.chosen")?.scrollIntoView({ block: "nearest" });
  const tree = await unpack(number);
  if (view.tree !== number) return;
  head(index[number]);
  lay(tree);
  paint(tree);
  const last = tree.nodes.findLastIndex((node) => node.kind === "golden");
  choose(last >= 0 ? last : tree.nodes.length ? 0 : null);
}

function head(summary) {
  const chips = summary.goals.map((goal) => {
    const earned = summary.earned.includes(goal);
    return make("span", { class: earned ? "chip earned" : "chip" }, `${earned ? "★" : "·"} ${goal}`);
  });
  const facts = `reward ${summary.reward.toFixed(2)} · ${summary.nodes} nodes · ${summary.tokens.toLocaleString("en")} tokens`;
  const fault = summary.error ? [make("div", { class: "fault" }, `Fault: ${summary.error}`)] : [];
  $("head").replaceChildren(make("h2", {}, summary.scenario, make("span", { class: "facts" }, facts)), ...chips, ...fault);
}

// A node stands in the middle of its children; the golden child is drawn first, so that the golden
// path runs along the top.
function lay(tree) {
  tree.children = new Map();
  tree.nodes.forEach((node, number) => {
    if (!tree.children.has(node.parent)) tree.children.set(node.parent, []);
    tree.children.get(node.parent).push(number);
  });
  for (const siblings of tree.children.values()) {
    siblings.sort((a, b) => (tree.nodes[b].kind === "golden") - (tree.nodes[a].kind === "golden") || a - b);
  }
  const depthOf = (number) => (number === null ? 0 : 1 + depthOf(tree.nodes[number].parent));
  tree.depth = Math.max(1, ...tree.nodes.map((_, number) => depthOf(number)));
  STEP.x = Math.min(120, Math.max(58, ($("canvas").clientWidth - 190) / tree.depth));
  let row = 0;
  const place = (number, depth) => {
    const children = tree.children.get(number) ?? [];
    const rows = children.map((child) => place(child, depth + 1));
    const golden = children.length && tree.nodes[children[0]].kind === "golden";
    const own = !rows.length ? row++ : golden ? rows[0] : (rows[0] + rows.at(-1)) / 2;
    const at = { x: STEP.left + depth * STEP.x, y: STEP.top + own * STEP.y };
    if (number === null) tree.root = at;
    else Object.assign(tree.nodes[number], at, { depth });
    return own;
  };
  place(null, 0);
  tree.height = STEP.top + Math.max(row, 1) * STEP.y + 20;
  tree.width = STEP.left + tree.depth * STEP.x + 140;
}

function paint(tree) {
  const svg = $("tree");
  svg.setAttribute("width", tree.width);
  svg.setAttribute("height", tree.height);
  const order = ["other", "bad", "golden"];
  const numbers = tree.nodes.map((_, number) => number)
    .sort((a, b) => order.indexOf(tree.nodes[a].kind) - order.indexOf(tree.nodes[b].kind));
  const turns = Array.from({ length: tree.depth }, (_, turn) => make("text",
    { class: "turn", x: STEP.left + (turn + 1) * STEP.x, y: 18, "text-anchor": "middle" }, String(turn + 1)));
  svg.replaceChildren(
    ...turns,
    ...numbers.map((number) => edge(tree, number)),
    make("g", { class: "node", onclick: () => choose(null) },
      make("circle", { cx: tree.root.x, cy: tree.root.y, r: 7 }),
      make("text", { x: tree.root.x, y: tree.root.y - 14, "text-anchor": "middle" }, "start")),
    ...numbers.map((number) => dot(tree, number)),
  );
}

function edge(tree, number) {
  const node = tree.nodes[number];
  const from = node.parent === null ? tree.root : tree.nodes[node.parent];
  const bend = from.x + STEP.x / 2;
  return make("path", { class: `edge ${node.kind}`, id: `edge-${number}`,
    d: `M${from.x},${from.y} C${bend},${from.y} ${bend},${node.y} ${node.x},${node.y}` });
}

function dot(tree, number) {
  const node = tree.nodes[number];
  const marks = [];
  if (node.earned.length) {
    marks.push(make("text", { class: "star", x: node.x, y: node.y - 9, "text-anchor": "middle" }, "★"));
    marks.push(make("text", { class: "earned", x: node.x + 9, y: node.y - 11 }, node.earned.join(" + ")));
  }
  if (node.errors) marks.push(make("text", { class: "mark", x: node.x - 15, y: node.y + 4 }, "!"));
  if (node.ended || node.error) {
    marks.push(make("text", { x: node.x + 12, y: node.y + 4 }, `■ ${node.error ? "fault" : node.ended.replace("_", " ")}`));
  }
  const words = node.messages.filter((m) => m.role === "assistant").map(brief).join("\n");
  return make("g", { class: `node ${node.kind}`, id: `node-${number}`, onclick: () => choose(number) },
    make("circle", { cx: node.x, cy: node.y, r: node.kind === "golden" ? 7 : 6 }), ...marks,
    make("title", {}, `${node.name}\n${words}`));
}

const brief = (message) => [message.content, ...(message.tool_calls ?? [])
  .map((call) => `${call.function.name}(${call.function.arguments})`)].filter(Boolean).join(" ").slice(0, 160);

// The reader -------------------------------------------------------------------------------------

function choose(number) {
  const tree = unpacked.get(view.tree);
  view.node = number;
  for (const element of document.querySelectorAll("svg .chosen, svg .way")) element.classList.remove("chosen", "way");
  const way = [];
  for (let at = number; at !== null && at !== undefined; at = tree.nodes[at].parent) way.unshift(at);
  for (const step of way) $(`edge-${step}`).classList.add("way");
  if (number !== null) {
    $(`node-${number}`).classList.add("chosen");
    $(`node-${number}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  read(tree, way);
}

function read(tree, way) {
  const number = way.at(-1) ?? null;
  const reader = $("reader");
  if (number === null) {
    reader.replaceChildren(make("h3", {}, "Start"), group(tree.messages, "other", "before the agent's first turn", null));
    return;
  }
  const node = tree.nodes[number];
  const groups = way.map((step) => {
    const { messages, kind, name } = tree.nodes[step];
    const shown = group(messages, kind, name, step);
    if (step !== number) shown.classList.add("before");
    return shown;
  });
  const own = groups.at(-1);
  for (const goal of node.earned) own.append(make("div", { class: "earned-line" }, `★ ${goal}`));
  if (node.error) own.append(make("div", { class: "fault" }, node.error));
  const opening = group(tree.messages, "other", "start", null);
  opening.classList.add("before");
  reader.replaceChildren(make("h3", {}, `Node ${node.name}`), make("p", { class: "facts" }, facts(node)),
    moves(tree, number), opening, ...groups, ...versus(tree, number));
  own.scrollIntoView({ block: "nearest" });
}

function facts(node) {
  const sum = (key) => node.calls.reduce((total, call) => total + call[key], 0);
  const kind = { golden: "on the golden path", bad: "beaten by a sibling", other: "neither golden nor beaten" }[node.kind];
  const ended = node.ended ? ` · ended: ${node.ended.replace("_", " ")}` : "";
  const first = node.calls[0];
  return `${kind}${ended} · ${node.calls.length} model calls · ${sum("prompt_tokens")} + ${sum("completion_tokens")} tokens`
    + (first ? ` · seed ${first.seed}${first.model ? ` · ${first.model}` : ""}` : "");
}

function moves(tree, number) {
  const { parent } = tree.nodes[number];
  const siblings = tree.children.get(parent).filter((sibling) => sibling !== number);
  const button = (text, to) => make("button", { onclick: () => choose(to) }, text);
  return make("nav", {}, button("← before", parent), ...siblings.map((to) => button(`sibling ${tree.nodes[to].name}`, to)),
    ...(tree.children.get(number) ?? []).map((to) => button(`${tree.nodes[to].name} →`, to)));
}

// Juxtaposed: below a beaten node, what the golden path did in its place.
function versus(tree, number) {
  let at = number;
  while (at !== null && !tree.children.get(tree.nodes[at].parent).some((s) => tree.nodes[s].kind === "golden")) at = tree.nodes[at].parent;
  if (at === null || tree.nodes[at].kind === "golden") return [];
  const golden = tree.children.get(tree.nodes[at].parent).find((s) => tree.nodes[s].kind === "golden");
  const box = make("div", { class: "versus" }, make("h3", {}, "The golden path did instead"));
  box.append(group(tree.nodes[golden].messages, "golden", tree.nodes[golden].name, golden));
  return [box];
}

function group(messages, kind, label, number) {
  const open = number === null ? null : () => choose(number);
  return make("div", { class: `group ${kind}` }, make("div", { class: "label", onclick: open ?? (() => choose(null)) }, label),
    ...messages.flatMap(bubbles));
}

function bubbles(message) {
  const shown = [];
  if (message.content) {
    const refused = message.role === "tool" && /^\s*\{\s*"error"/.test(message.content);
    shown.push(make("div", { class: `message ${message.role}${refused ? " refused" : ""}` },
      ...marked(message.role === "tool" ? pretty(message.content) : message.content)));
  }
  for (const { function: { name, arguments: given } } of message.tool_calls ?? []) {
    shown.push(make("div", { class: "call" }, make("b", {}, name), " ", ...marked(pretty(given))));
  }
  return shown;
}

function pretty(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? JSON.stringify(value, null, 1).replace(/\n\s*/g, " ") : text;
  } catch { return text; }
}

function marked(text) {
  const words = view.words.toLowerCase();
  const found = words.length < 3 ? -1 : text.toLowerCase().indexOf(words);
  if (found < 0) return [text];
  return [text.slice(0, found), make("mark", {}, text.slice(found, found + words.length)), ...marked(text.slice(found + words.length))];
}

// Keys and controls ------------------------------------------------------------------------------

function move(key) {
  const tree = unpacked.get(view.tree);
  const node = view.node === null ? null : tree.nodes[view.node];
  if (key === "ArrowLeft") return node && choose(node.parent);
  if (key === "ArrowRight") return choose(tree.children.get(view.node)?.[0] ?? view.node);
  if (!node) return undefined;
  const rows = tree.nodes.map((n, number) => ({ n, number })).filter(({ n }) => n.depth === node.depth)
    .sort((a, b) => a.n.y - b.n.y).map(({ number }) => number);
  const next = rows[rows.indexOf(view.node) + (key === "ArrowDown" ? 1 : -1)];
  return next === undefined ? undefined : choose(next);
}

document.addEventListener("keydown", (event) => {
  if (/INPUT|SELECT/.test(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const neighbour = view.shown[view.shown.indexOf(view.tree) + (event.key === "j" ? 1 : -1)];
  if (event.key === "/") $("search").focus();
  else if ("jk".includes(event.key)) { if (neighbour !== undefined) open(neighbour); }
  else if (event.key === "g") choose(unpacked.get(view.tree).nodes.findLastIndex((n) => n.kind === "golden"));
  else if (event.key.startsWith("Arrow")) move(event.key);
  else return;
  event.preventDefault();
});

addEventListener("resize", () => {
  const tree = unpacked.get(view.tree);
  if (!tree) return;
  lay(tree);
  paint(tree);
  choose(view.node);
});
$("search").addEventListener("input", (event) => { view.words = event.target.value.trim(); list(); });
$("order").addEventListener("change", (event) => { view.order = event.target.value; list(); });
for (const name of Object.keys(FILTERS)) {
  const count = index.filter(FILTERS[name]).length;
  $("filters").append(make("button", { "aria-pressed": name === "all", onclick: (event) => {
    view.filter = name;
    for (const button of $("filters").children) button.setAttribute("aria-pressed", button === event.target);
    list();
  } }, `${name} ${count}`));
}

const asked = index.findIndex((tree) => tree.scenario === decodeURIComponent(location.hash.slice(1)));
if (asked >= 0) open(asked).then(list); else list();
