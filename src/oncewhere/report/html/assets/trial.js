// A point's number comes in; everything about it goes onto the page: findings, the command, the timeline, the same as a table.

const CLUSTER = {
  transactions: ({ states }) => `the cluster says of the transaction: ${Object.entries(states).map((entry) => entry.join(" ")).join(", ") || "nothing"}`,
  committed: ({ offsets, stable }) => `the group's committed offsets: ${Object.entries(offsets).map(([name, at]) => `${name} @ ${at === -1 ? "none" : at}`).join(", ")}${stable ? "" : " (pending in an open transaction)"}`,
  evicted: ({ members }) => `${count(members, "dead member")} of the group evicted`,
  killed: ({ life, exit }) => `life ${life} is dead (exit ${exit})`,
  started: ({ life }) => `life ${life} begins`,
  sprung: ({ point, action }) => `at ${point}: ${action}`,
  complete: () => "the whole input is committed",
};

async function showTrial(number) {
  const point = facts.points[number];
  const version = facts.versions[point.version];
  const body = byId("trial-body");
  put(byId("trial-title"), facts.versions.length > 1 ? `${version.name} / ` : "", point.label);
  const trial = await trialOf(number);
  if (state.point !== number) return;
  put(body,
    el("p", {}, trial.what, trial.reached ? null : el("b", {}, ` The point was not reached again in ${count(trial.tries, "try", "tries")}.`)),
    el("div", { class: "places" }, trial.findings.map(showFinding)),
    [...new Set(trial.findings.map((finding) => finding.cure))].filter(Boolean).map(showCure),
    trial.replay ? command(trial) : null,
    ...(trial.timeline ? showTimeline(trial, version) : [el("p", { class: "notice" },
      "This point's timeline was left out, so that the page stays small enough to open. Its history is in the folder below.")]),
    showEvidence(trial),
  );
  if (trial.timeline) body.querySelector(".strip").dispatchEvent(new Event("settle"));
}

function showFinding(finding) {
  const { kind, meaning } = facts.verdicts[finding.verdict];
  return el("div", { class: `place ${kind}` },
    el("p", {}, verdictWord(finding.verdict), el("b", {}, ` ${finding.place}`), `: ${finding.sentence}`),
    finding.chain.length ? el("ol", {}, finding.chain.map((sentence) => el("li", {}, sentence))) : null,
    finding.examples.length ? el("p", { class: "soft" }, "Such as ", el("span", { class: "mono" }, finding.examples.join(", ")), finding.more ? ` and ${finding.more} more` : "") : null,
    kind === "held" ? null : el("p", { class: "soft" }, `${finding.verdict}: ${meaning}.`));
}

function showCure(code) {
  const { why, remedy } = facts.cures[code];
  return el("div", { class: "cure" },
    el("h3", {}, `What to do about ${code}`),
    el("p", {}, ...withCode(remedy)),
    el("p", { class: "soft" }, `Why it is bad: ${why} `, el("code", {}, `oncewhere explain ${code}`)));
}

// What stands between backticks is code.
const withCode = (text) => text.split("`").map((part, number) => (number % 2 ? el("code", {}, part) : part));

function command({ replay: text, beside, elsewhere }) {
  const button = el("button", { type: "button", id: "copy", click: () => copy(text, button) }, "Copy");
  return el("div", {}, el("h3", {}, "See it again"), el("div", { class: "command" }, el("code", { tabindex: 0 }, text), button),
    beside ? el("p", { class: "soft" }, `Run it ${beside}.`) : null,
    elsewhere ? el("p", { class: "soft" }, elsewhere) : null);
}

const sized = (bytes) => (bytes < 1000 ? count(bytes, "byte") : bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

function showEvidence(trial) {
  const href = (name) => [...trial.folder.split("/"), name].map(encodeURIComponent).join("/");
  const file = ([name, bytes]) => (bytes ? [el("a", { href: href(name) }, name), ` (${sized(bytes)})`] : `${name} (empty)`);
  const files = Object.entries(trial.files).flatMap((entry, number) => [number ? ", " : "", file(entry)]);
  const times = Object.entries(trial.phases_s).map(([name, time]) => [", ", el("abbr", { title: facts.phases[name] }, name), ` ${time.toFixed(1)} s`]);
  return el("div", {},
    el("h3", {}, "Evidence"),
    el("p", {}, "Beside this file, in ", el("code", {}, `${trial.folder}/`), ": ", files.length ? files : "nothing any more", "."),
    trial.proofs.map((proof) => el("p", { class: "soft" }, proof)),
    trial.observations.map((sentence) => el("p", { class: "notice" }, sentence)),
    el("p", { class: "soft" }, `It took ${trial.duration_s.toFixed(1)} s`, times.length ? [": ", ...times.flat().slice(1)] : null));
}

function showTimeline(trial, version) {
  const { timeline } = trial;
  const marks = readMarks(timeline);
  const view = { all: false, statements: false, opened: new Set(), chosen: -1, joined: new Set() };
  const strip = el("div", { class: "strip" });
  const lanes = el("div", { class: "lanes", "aria-hidden": true });
  const box = el("div", { class: "message", "aria-live": "polite" }, el("p", { class: "soft" }, "Choose a message with a click, or with the arrow keys."));
  let drawn = null;

  const redraw = () => {
    drawn = draw(timeline, marks, version, view);
    strip.replaceChildren(drawn.svg);
    lanes.replaceChildren(...drawn.layout.lanes.map((lane, number) => laneLabel(lane, number, drawn.layout)));
    reach(drawn.svg.querySelector("[data-mark], [data-fold]"));
    for (const number of view.joined) drawn.svg.querySelector(`[data-mark="${number}"]`)?.classList.add("joined");
    if (view.chosen >= 0) choose(view.chosen, false);
  };
  // Exactly one mark is reached by Tab and by `m`; the arrow keys lead on from it.
  const reach = (node) => {
    if (!node) return;
    drawn.svg.querySelectorAll("[tabindex='0']").forEach((other) => other.setAttribute("tabindex", -1));
    node.setAttribute("tabindex", 0);
  };
  const choose = (number, focus = true) => {
    view.chosen = number;
    const node = drawn.svg.querySelector(`[data-mark="${number}"]`);
    if (!node) return; // it is folded away: the first mark that is drawn stays the one that keys reach
    drawn.svg.querySelectorAll(".chosen").forEach((other) => other.classList.remove("chosen"));
    node.classList.add("chosen");
    reach(node);
    showMessage(marks[number], box);
    if (focus) node.focus({ preventScroll: true });
    into(strip, drawn.xOf(number));
  };
  const unfold = (groups) => {
    groups.split(" ").forEach((group) => view.opened.add(group));
    const first = marks.find((mark) => groups.split(" ").includes(mark.group));
    redraw();
    if (first) choose(first.within ?? first.number);
  };
  strip.addEventListener("click", ({ target }) => {
    const node = target.closest("[data-mark], [data-fold]");
    if (node?.dataset.mark) choose(Number(node.dataset.mark));
    else if (node) unfold(node.dataset.fold);
  });
  strip.addEventListener("keydown", (event) => stripKey(event, marks, choose, unfold));
  strip.addEventListener("settle", () => {
    const struck = marks.find((mark) => mark.struck) || marks.find((mark) => mark.fate !== "done" && mark.fate !== "open");
    if (struck && drawn.xOf(struck.number) !== undefined) choose(struck.number, false);
  });
  const toggle = (name, words) => {
    const button = el("button", { type: "button", "aria-pressed": "false", click: () => {
      view[name] = !view[name];
      button.setAttribute("aria-pressed", view[name]);
      redraw();
    } }, words);
    return button;
  };
  const join = (record) => {
    view.joined = new Set(record ? record[4] : []);
    redraw();
    if (!record?.[4].length) return;
    into(strip, drawn.xOf(record[4][0]));
    strip.scrollIntoView({ block: "nearest" });
  };
  redraw();
  const omitted = timeline.omissions.flatMap((entry) => Object.values(entry.fates)).reduce((sum, number) => sum + number, 0);
  return [
    el("h3", { id: "timeline-title" }, "Timeline"),
    el("div", { class: "controls" },
      marks.some((mark) => mark.quiet) ? toggle("all", "Show all intervals") : null,
      marks.some((mark) => mark.within !== undefined) ? toggle("statements", "Show every statement") : null,
      el("span", { class: "soft" }, "in the order of the wire; the distance is no measure of time")),
    timeline.unread ? el("p", { class: "notice" }, timeline.unread) : null,
    omitted ? el("p", { class: "notice" }, `${count(omitted, "message")} of this trial, those farthest from the crash, were left out of the page; wire.jsonl has them.`) : null,
    el("div", { class: "timeline" }, lanes, strip),
    legend(marks, timeline),
    box,
    showJoins(timeline, join),
    lazyTable(timeline, marks),
  ];
}

// The strip scrolls by itself, so that the page stands still.
function into(strip, x) {
  if (x !== undefined) strip.scrollLeft = Math.max(0, x - strip.clientWidth * 0.6);
}

function laneLabel(lane, number, layout) {
  const height = lane.height + (number === 0 ? HEAD : 0) + (number === layout.lanes.length - 1 ? FOOT : 0);
  const label = el("div", { title: lane.name }, lane.name);
  label.style.height = `${height}px`;
  if (number === 0) label.style.paddingTop = `${HEAD}px`;
  if (number === layout.lanes.length - 1) label.style.paddingBottom = `${FOOT}px`;
  return label;
}

function stripKey(event, marks, choose, unfold) {
  const all = [...event.currentTarget.querySelectorAll("[data-mark], [data-fold]")];
  const at = all.indexOf(event.target);
  const lane = event.target.dataset.mark && marks[event.target.dataset.mark].place;
  const same = (node) => node.dataset.mark && marks[node.dataset.mark].place === lane;
  const goal = {
    ArrowRight: () => all[at + 1], ArrowLeft: () => all[at - 1], Home: () => all[0], End: () => all[all.length - 1],
    ArrowDown: () => all.slice(at + 1).find(same), ArrowUp: () => all.slice(0, Math.max(0, at)).reverse().find(same),
  }[event.key];
  if (goal) {
    event.preventDefault();
    const node = goal();
    if (node?.dataset.mark) choose(Number(node.dataset.mark));
    else if (node) node.focus();
  } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
    event.preventDefault();
    if (event.target.dataset.fold) unfold(event.target.dataset.fold);
    else choose(Number(event.target.dataset.mark));
  }
}

function legend(marks, timeline) {
  const sample = (fate, letter) => sv("svg", { width: 20, height: 20, "aria-hidden": true }, drawMark({ fate, letter, number: "", t: 0, place: "", kind: "", words: "" }, 10, 10));
  const fates = [["done", "done at its server"], ["open", "taken, counts with its transaction"], ["not done", "not done: dropped, refused or aborted"], ["unknown", "unknown: no answer was seen"]];
  const letters = [...new Map(marks.map((mark) => [mark.letter, mark.kind]))].map(([letter, kind]) => `${letter} ${kind}`);
  return el("ul", { class: "legend" },
    fates.map(([fate, words]) => el("li", {}, sample(fate, ""), words)),
    letters.length ? el("li", {}, `Letters: ${letters.join(", ")}`) : null,
    timeline.joins.length ? el("li", {}, "Shaded: the effects or outputs that show the violation") : null,
    timeline.unshown ? el("li", {}, `${count(timeline.unshown, "request")} that cannot change where the work happened are not drawn`) : null);
}

function showJoins(timeline, choose) {
  if (!timeline.joins.length) return null;
  return el("div", {}, timeline.joins.map((join) => el("details", { open: true },
    el("summary", {}, `The records: ${join.total} ${join.verdict} in ${join.place}`),
    join.total > join.records.length ? el("p", { class: "soft" }, `The first ${join.records.length} of ${join.total} are listed.`) : null,
    join.records.some((record) => !record[5]) ? el("p", { class: "soft" }, "The messages of this place name no record: a record is joined to the work of the commit intervals that processed it.") : null,
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Records: ${join.verdict} in ${join.place}` }, el("table", { class: "records" },
      el("thead", {}, el("tr", {}, ["record", "input", "found", "output", ""].map((name) => el("th", { scope: "col" }, name || "messages")))),
      el("tbody", {}, join.records.slice(0, 10).map((record) => recordRow(record, choose)),
        join.records.length > 10 ? moreRow(join.records.slice(10), choose) : null))))));
}

function recordRow(record, choose) {
  const [identity, position, times, outputs, marks] = record;
  return el("tr", {}, el("th", { scope: "row", class: identity.length > 18 ? "mono long" : "mono" }, identity), el("td", { class: "mono" }, position), el("td", {}, `${times}×`),
    el("td", { class: "mono" }, outputs.join(", ") || "–"),
    el("td", {}, marks.length ? el("button", { type: "button", class: "link", "aria-label": `Show the messages of ${identity}`, click: () => choose(record) }, `show ${marks.length}`, el("span", { class: "wide" }, " in the timeline")) : "not on this page"));
}

function moreRow(records, choose) {
  const row = el("tr", {}, el("td", { colspan: 5 }, el("button", { type: "button", class: "link", click: () => row.replaceWith(...records.map((record) => recordRow(record, choose))) },
    `${count(records.length, "more record")} …`)));
  return row;
}

// The same facts for those who do not see the drawing; made when it is opened, since it may have thousands of rows.
function lazyTable(timeline, marks) {
  const details = el("details", { toggle: () => {
    if (details.open && !details.querySelector("table")) details.append(tableOf(timeline, marks));
  } }, el("summary", {}, "The same as a table"));
  return details;
}

function tableOf(timeline, marks) {
  const moments = timeline.moments.map(([t, what, fields]) => ({ t, cells: ["", "", "", "", (CLUSTER[what] || (() => `${what} ${plain(fields)}`))(fields)] }));
  const spans = timeline.spans.filter(([place, , , , , how]) => place === "kafka" || how !== "committed")
    .map(([place, name, life, t, ended, how]) => ({ t, cells: [life, "", place, "transaction", `${name} ${how}${ended === null ? "" : ` at ${seconds(ended)}`}`] }));
  const rows = marks.map((mark) => ({
    t: mark.t, cells: [mark.life || "?", mark.interval, mark.place, `${mark.kind}${mark.nth ? ` ${mark.nth}` : ""}`, `${mark.fate}: ${mark.words}${mark.struck ? `; ${mark.struck}` : ""}`],
  }));
  const all = [...rows, ...moments, ...spans].sort((one, other) => one.t - other.t);
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The timeline as a table" }, el("table", { class: "facts" },
    el("thead", {}, el("tr", {}, ["time", "life", "interval", "place", "message", "what became of it"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, all.map(({ t, cells }) => el("tr", {}, el("td", { class: "mono" }, seconds(t)), cells.map((cell) => el("td", {}, String(cell))))))));
}
