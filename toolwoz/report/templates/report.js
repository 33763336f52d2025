"use strict";
// Dialogues hold whatever models and users wrote: text nodes only, never innerHTML.

const el = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null));
  return node;
};
const byId = (id) => document.getElementById(id);
const words = (reason) => reason.replaceAll("_", " ").replace("user fault", "user's fault");
const PAGE = 300;

let scenarios, arms, rows, shown = [], current = null, run = 0, limit = PAGE;

async function unpack() {
  const bytes = Uint8Array.from(atob(byId("packed").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

function outcome(dialogue) {
  if (!dialogue) return "missing";
  if (dialogue.error !== null) return "unscored";
  if (dialogue.earned.length === dialogue.goals.length) return "full";
  return dialogue.earned.length ? "part" : "none";
}

function gather() {
  const found = new Map();
  arms.forEach((arm, index) => arm.dialogues.forEach((dialogue) => {
    const key = `${dialogue.scenario}/${dialogue.trial}`;
    if (!found.has(key)) {
      const { scenario, trial, goals } = dialogue;
      const domains = [...new Set(goals.map((goal) => goal.split("_")[1] ?? goal))];
      found.set(key, { key, scenario, trial, domains, dialogues: arms.map(() => null) });
    }
    found.get(key).dialogues[index] = dialogue;
  }));
  return [...found.values()].sort((a, b) => a.scenario.localeCompare(b.scenario) || a.trial - b.trial);
}

function haystack(row) {
  row.text ??= JSON.stringify([row.key, scenarios[row.scenario], row.dialogues.map((d) => d && [d.messages, d.error])]).toLowerCase();
  return row.text;
}

// Whether a later run succeeded where the first did not (gained), or the other way round (lost).
function turned(outcomes, wanted) {
  const [before, ...after] = outcomes.map((one) => one === "full");
  if (outcomes[0] === "missing" || outcomes[0] === "unscored") return false;
  const scored = (index) => !["missing", "unscored"].includes(outcomes[index + 1]);
  return after.some((now, index) => scored(index) && now !== before && now === (wanted === "gained"));
}

function matches(row, wanted) {
  const outcomes = row.dialogues.map(outcome);
  if (["gained", "lost"].includes(wanted.outcome)) {
    if (!turned(outcomes, wanted.outcome)) return false;
    wanted = { ...wanted, outcome: "" };
  }
  if (wanted.outcome === "differs" && new Set(outcomes).size < 2) return false;
  if (wanted.outcome && wanted.outcome !== "differs" && !outcomes.includes(wanted.outcome)) return false;
  if (wanted.reason && !row.dialogues.some((d) => d && Object.values(d.missed).includes(wanted.reason))) return false;
  if (wanted.domain && !row.domains.includes(wanted.domain)) return false;
  return wanted.terms.every((term) => haystack(row).includes(term));
}

function filter() {
  const wanted = {
    outcome: byId("outcome").value, reason: byId("reason").value, domain: byId("domain").value,
    terms: byId("search").value.toLowerCase().split(/\s+/).filter(Boolean),
  };
  limit = PAGE;
  shown = rows.filter((row) => matches(row, wanted));
  list();
  if (!shown.includes(current)) select(shown[0] ?? null, false);
}

function list() {
  byId("count").textContent = `${shown.length} of ${rows.length}`;
  byId("list").replaceChildren(...shown.slice(0, limit).map((row) => {
    const dots = row.dialogues.map((d) => el("span", { className: `dot ${outcome(d)}`, title: outcome(d) }));
    const reasons = [...new Set(row.dialogues.flatMap((d) => d ? Object.values(d.missed) : []))];
    const item = el("li", { onclick: () => select(row, true) },
      el("span", { className: "dots" }, ...dots),
      row.scenario + (row.trial ? ` · trial ${row.trial + 1}` : ""),
      el("small", {}, [row.domains.join(", "), ...reasons.map(words)].join(" · ")));
    row.item = item;
    if (row === current) item.setAttribute("aria-current", "true");
    return item;
  }));
  if (shown.length > limit) {
    byId("list").append(el("li", { onclick: () => { limit += PAGE; list(); } }, `show ${Math.min(PAGE, shown.length - limit)} more`));
  }
}

function select(row, remember) {
  current?.item?.removeAttribute("aria-current");
  current = row;
  if (row && !row.dialogues[run]) run = row.dialogues.findIndex(Boolean);
  row?.item?.setAttribute("aria-current", "true");
  if (row?.item) reveal(row.item, byId("list"));
  if (row && remember) history.replaceState(null, "", `#dialogue/${row.key}/${run}`);
  show();
}

// Not scrollIntoView, which would scroll the page along with the list.
function reveal(item, box) {
  const { top, bottom } = item.getBoundingClientRect(), view = box.getBoundingClientRect();
  if (top < view.top) box.scrollTop -= view.top - top;
  else if (bottom > view.bottom) box.scrollTop += bottom - view.bottom;
}

function show() {
  const pane = byId("dialogue");
  if (!current) return pane.replaceChildren(el("p", { className: "note" }, "No dialogue fits."));
  const scenario = scenarios[current.scenario];
  pane.replaceChildren(...[
    el("h2", {}, current.scenario + (current.trial ? ` · trial ${current.trial + 1}` : "")),
    scenario && el("h3", {}, "the user wants"),
    scenario && el("ul", {}, ...scenario.instructions.map((line) => el("li", {}, line))),
    tabs(),
    beside() ? el("div", { className: "sides" }, side(0, scenario), side(run, scenario)) : side(run, scenario),
    scenario?.human.length ? human(scenario.human) : null,
  ].filter(Boolean));
  pane.scrollTop = 0;
}

const beside = () => run > 0 && byId("beside")?.checked && current.dialogues[0];

function side(index, scenario) {
  const dialogue = current.dialogues[index];
  return el("section", { className: "side" },
    arms.length > 1 ? el("h3", { className: `arm${index}` }, el("i", { className: `arm${index}` }), `${arms[index].name}: ${outcome(dialogue)}`) : null,
    el("h3", {}, "goal calls"), goals(dialogue, scenario),
    el("h3", {}, "dialogue"), talk(dialogue.messages), ending(dialogue));
}

function tabs() {
  if (arms.length < 2) return null;
  return el("div", { className: "tabs" }, ...arms.map((arm, index) => {
    const dialogue = current.dialogues[index];
    const label = dialogue ? `${arm.name} ${dialogue.earned.length}/${dialogue.goals.length}` : `${arm.name} –`;
    const button = el("button", { disabled: !dialogue, onclick: () => { run = index; select(current, true); } }, label);
    button.setAttribute("aria-pressed", String(index === run));
    return button;
  }));
}

const slots = (record) => Object.entries(record).map(([slot, value]) => `${slot}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");

function goals(dialogue, scenario) {
  const known = scenario?.goals ?? dialogue.goals.map((id) => ({ id, arguments: {}, first_try: {} }));
  return el("ul", { className: "goals" }, ...known.map((goal) => {
    const reason = dialogue.missed[goal.id], unsaid = dialogue.unsaid[goal.id] ?? [];
    const why = reason && words(reason) + (unsaid.length ? ` (the user never said: ${unsaid.join(", ")})` : "");
    return el("li", { className: dialogue.earned.includes(goal.id) ? "earned" : "" },
      el("code", {}, `${goal.id}(${slots(goal.arguments)})`),
      Object.keys(goal.first_try).length ? el("span", { className: "note" }, ` after trying ${slots(goal.first_try)}`) : null,
      why ? el("span", { className: "why" }, ` ${why}`) : null);
  }));
}

function talk(messages) {
  const box = el("div", { className: "talk" });
  let calls = {};
  for (const message of messages) {
    if (message.role === "tool") {
      answer(calls[message.tool_call_id], message.content, box);
      continue;
    }
    if (message.reasoning_content) box.append(el("div", { className: "said assistant thought" }, message.reasoning_content));
    if (message.content) box.append(el("div", { className: `said ${message.role}` }, ...marked(message.content)));
    calls = {};
    for (const call of message.tool_calls ?? []) {
      const node = el("div", { className: "call" }, ...marked(`${call.function.name}(${readable(call.function.arguments)})`));
      calls[call.id] = node;
      box.append(node);
    }
  }
  return box;
}

const parsed = (text) => { try { return JSON.parse(text); } catch { return null; } };

function readable(text) {
  const value = typeof text === "string" ? parsed(text) : text;
  return value && typeof value === "object" && !Array.isArray(value) ? slots(value) : String(text);
}

function answer(node, content, box) {
  const value = parsed(content);
  if (!node) box.append(node = el("div", { className: "call" }));
  if (value?.error) node.classList.add("refused");
  if (value && "success" in value) node.classList.add(value.success ? "booked" : "failed");
  node.append(el("details", {}, el("summary", {}, summary(value, content)), el("pre", {}, value ? JSON.stringify(value, null, 1) : content)));
}

function summary(value, content) {
  if (value?.error) return `refused: ${value.error}`;
  if (value && "success" in value) return value.success ? `booked, reference ${value.reference}` : `not booked: ${value.reason ?? "no reason"}`;
  const found = Array.isArray(value) ? value : value?.results;
  if (!found) return content.slice(0, 80);
  const names = found.map((row) => row.name ?? row.trainID ?? "?").join(", ");
  return `${value.count ?? found.length} found${names && `: ${names}`}`;
}

function ending(dialogue) {
  if (dialogue.error !== null) return el("p", { className: "end error" }, `unscored: ${dialogue.error}`);
  return el("p", { className: "end" }, dialogue.truncated ? "cut short: the agent's context was full" : "end of the dialogue");
}

function human(turns) {
  const box = el("div", { className: "talk" }, ...turns.map((text, i) => el("div", { className: `said ${i % 2 ? "assistant" : "user"}` }, text)));
  return el("details", {}, el("summary", { className: "note" }, "the human dialogue it comes from"), box);
}

function marked(text) {
  const terms = byId("search").value.split(/\s+/).filter((term) => term.length > 2);
  if (!terms.length) return [text];
  const pattern = new RegExp(`(${terms.map((t) => t.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
  return text.split(pattern).map((part, i) => (i % 2 ? el("mark", {}, part) : part));
}

function move(by) {
  const next = shown[shown.indexOf(current) + by];
  if (!next) return;
  if (shown.indexOf(next) >= limit) { limit += PAGE; list(); }
  select(next, true);
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (["INPUT", "SELECT"].includes(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "/") { event.preventDefault(); byId("search").focus(); }
  else if (current?.dialogues[Number(event.key) - 1]) { run = Number(event.key) - 1; select(current, true); }
}

function follow() {
  const [place, scenario, trial, index] = decodeURIComponent(location.hash.slice(1)).split("/");
  const row = place === "dialogue" && rows.find((r) => r.key === `${scenario}/${trial}`);
  if (!row) return false;
  run = Number(index) || 0;
  select(row, false);
  byId("dialogues").scrollIntoView();
  return true;
}

unpack().then((record) => {
  ({ scenarios, arms } = record);
  rows = gather();
  run = arms.length > 1 ? 1 : 0;
  if (byId("beside")) byId("beside").onchange = show;
  const reasons = new Set(rows.flatMap((row) => row.dialogues.flatMap((d) => d ? Object.values(d.missed) : [])));
  byId("reason").append(...[...reasons].sort().map((value) => el("option", { value }, words(value))));
  const domains = new Set(rows.flatMap((row) => row.domains));
  byId("domain").append(...[...domains].sort().map((value) => el("option", { value }, value)));
  for (const id of ["outcome", "reason", "domain"]) byId(id).onchange = filter;
  byId("search").oninput = filter;
  document.addEventListener("keydown", keys);
  window.addEventListener("hashchange", follow);
  filter();
  follow();
}).catch((error) => {
  byId("dialogue").replaceChildren(el("p", { className: "end error" }, `The dialogues cannot be unpacked here: ${error.message}`));
});
