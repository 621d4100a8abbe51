// A key comes in; what it does is a row of this table.

const KEYS = {
  j: ["the next point", () => step(1)],
  k: ["the point before", () => step(-1)],
  v: ["the next violation", () => step(1, (point) => facts.verdicts[point.verdict].kind === "violated")],
  "/": ["find a point", () => byId("search").focus()],
  m: ["to the messages of the timeline", () => byId("trial").querySelector(".strip [tabindex='0']")?.focus()],
  c: ["copy the command that shows the point again", () => byId("copy")?.click()],
  t: ["theme: system, light, dark", () => nextTheme()],
  "?": ["these keys", () => byId("keys-dialog").showModal()],
};
const IN_THE_TIMELINE = { "← →": "the message before, the next", "↑ ↓": "the same, of the same lane", "Home End": "the first, the last", Enter: "open what is folded" };

function buildKeys() {
  const row = (key, words) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)];
  const dialog = byId("keys-dialog");
  put(dialog, el("h2", { id: "keys-title" }, "Keys"),
    el("dl", {}, Object.entries(KEYS).map(([key, [words]]) => row(key, words))),
    el("h3", {}, "In the timeline"), el("dl", {}, Object.entries(IN_THE_TIMELINE).map(([key, words]) => row(key, words))),
    el("button", { type: "button", click: () => dialog.close() }, "Close"));
  byId("keys-button").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || dialog.open || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key][1]();
  });
}

function step(by, wanted = () => true) {
  const numbers = passing().filter((number) => wanted(facts.points[number]));
  if (!numbers.length) return;
  const next = by > 0 ? numbers.find((number) => number > state.point) ?? numbers[0] : numbers.findLast((number) => number < state.point) ?? numbers[numbers.length - 1];
  choosePoint(next);
}
