// What a person picks comes in; the numbers of the points that pass go out.

const KINDS = [["", "All"], ["violated", "✗ violated"], ["open", "? open"], ["held", "✓ held"]];

function passing() {
  const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  return facts.points.map((_, number) => number).filter((number) => {
    const point = facts.points[number];
    const text = `${facts.versions[point.version].name}/${point.id} ${point.label}`.toLowerCase();
    return (!state.verdict || facts.verdicts[point.verdict].kind === state.verdict)
      && (!state.version || String(point.version) === state.version)
      && (!state.scenario || point.scenario === state.scenario)
      && (!state.message || `${point.place}.${point.kind}` === state.message)
      && (!state.phase || point.phase === state.phase)
      && words.every((word) => text.includes(word));
  });
}

function buildFilters() {
  const total = new Map();
  for (const { verdict } of facts.points) total.set(facts.verdicts[verdict].kind, (total.get(facts.verdicts[verdict].kind) || 0) + 1);
  const buttons = KINDS.map(([kind, words]) => el("button", {
    type: "button", "data-kind": kind || "all", "aria-pressed": String(state.verdict === kind),
    click: () => {
      state.verdict = kind;
      buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.kind === (kind || "all"))));
      refresh();
    },
  }, `${words} ${(kind ? total.get(kind) || 0 : facts.points.length).toLocaleString("en")}`));
  const several = (values) => [...new Set(values.filter(Boolean))];
  put(byId("filters"),
    buttons,
    select("version", "Processor", facts.versions.map((version, number) => [String(number), version.name])),
    select("scenario", "Scenario", several(facts.points.map(({ scenario }) => scenario)).map((name) => [name, name])),
    select("message", "Message", several(facts.points.map(({ place, kind }) => kind && `${place}.${kind}`)).map((name) => [name, name])),
    select("phase", "Phase", several(facts.points.map(({ phase }) => phase)).map((name) => [name, name])),
    el("input", { id: "search", type: "search", placeholder: "Find a point  (/)", "aria-label": "Find a point by its id", input: ({ target }) => { state.text = target.value; refresh(); } }));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
}

function select(name, title, options) {
  if (options.length < 2) return null;
  return el("select", { id: `by-${name}`, "aria-label": title, change: ({ target }) => { state[name] = target.value; refresh(); } },
    el("option", { value: "" }, `${title}: all`), options.map(([value, words]) => el("option", { value }, words)));
}
