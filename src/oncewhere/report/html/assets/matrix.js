// The points that pass the filters come in; the matrix goes onto the page: a row for each, or one for many alike.

const GROUPED_FROM = 30;
const ROWS_AT_ONCE = 300;
const placesOf = () => [...new Set(facts.versions.flatMap((version) => version.places.map(({ name }) => name)))];

function groupOf(point) {
  if (point.clean || point.named) return "";
  const what = point.kind ? `${point.place}.${point.kind} ${point.phase}` : "no message";
  return point.scenario === "crash" ? what : `${point.scenario} at ${what}`;
}

function showMatrix(numbers) {
  const places = placesOf();
  const grouped = numbers.length > GROUPED_FROM;
  const bodies = facts.versions.map((version, at) => versionBody(version, at, numbers.filter((number) => facts.points[number].version === at), places, grouped));
  put(byId("matrix"), el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "point"), places.map((place) => el("th", { scope: "col" }, place)))),
    bodies));
}

function versionBody(version, at, numbers, places, grouped) {
  if (!numbers.length) return [];
  const head = facts.versions.length > 1
    ? el("tr", {}, el("th", { scope: "rowgroup", colspan: places.length + 1 }, `${version.name} `, verdictWord(version.verdict), version.control ? " (control)" : ""))
    : null;
  const groups = new Map();
  for (const number of numbers) {
    const name = grouped ? groupOf(facts.points[number]) : "";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(number);
  }
  const rows = [...groups].map(([name, members]) => (name === "" || members.length === 1
    ? members.map((number) => pointRow(number, places, false))
    : groupRows(`${at}:${name}`, name, members, places)));
  return el("tbody", { class: "version" }, head, rows);
}

function groupRows(key, name, members, places) {
  const open = state.open.has(key);
  const toggle = () => {
    if (open) state.open.delete(key);
    else state.open.add(key);
    refresh();
    byId("matrix").querySelector(`[data-group="${CSS.escape(key)}"] button`)?.focus();
  };
  const row = el("tr", { class: "group", "data-group": key, click: toggle },
    el("th", { scope: "row" }, el("button", { type: "button", "aria-expanded": String(open) }, open ? "▾ " : "▸ ", breakable(name), " ", el("span", { class: "soft" }, count(members.length, "point")))),
    places.map((place) => tallyCell(members, place)));
  const shown = members.slice(0, ROWS_AT_ONCE);
  const rest = members.length - shown.length;
  return [row, open ? shown.map((number) => pointRow(number, places, true)) : null,
    open && rest ? el("tr", {}, el("td", { colspan: places.length + 1 }, `${count(rest, "more point")}: narrow them by the filters.`)) : null];
}

function tallyCell(members, place) {
  const tally = new Map();
  for (const number of members) {
    const verdict = facts.points[number].at[place];
    if (verdict) tally.set(verdict, (tally.get(verdict) || 0) + 1);
  }
  const found = Object.keys(facts.verdicts).filter((verdict) => tally.has(verdict));
  return el("td", { class: found.length ? facts.verdicts[found[0]].kind : null },
    found.length ? found.map((verdict) => el("div", {}, verdictWord(verdict, tally.get(verdict)))) : "–");
}

// An id breaks behind its dots, and not within a word.
const breakable = (id) => id.split(/(?<=[.+@])/).flatMap((part, number) => (number ? [el("wbr"), part] : [part]));

function pointRow(number, places, inside) {
  const point = facts.points[number];
  return el("tr", { class: `point${inside ? " inside" : ""}`, "data-point": number, "aria-current": state.point === number ? "true" : null, click: () => choosePoint(number) },
    el("th", { scope: "row" }, el("button", { type: "button" }, el("span", { class: point.clean || point.named ? null : "id" }, breakable(point.label)),
      point.reached ? null : el("span", { class: "soft" }, " not reached again"))),
    places.map((place) => el("td", { class: point.at[place] ? facts.verdicts[point.at[place]].kind : null }, point.at[place] ? verdictWord(point.at[place]) : "–")));
}
