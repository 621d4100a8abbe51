// Columns come in; the timeline as SVG goes out: lanes for every life, Kafka and every effect, and what happened on them.

const HEAD = 22;
const FOOT = 20;
const HEIGHT = { life: 24, place: 80 };
const MIDDLE = 42;

const LETTER = 6.1;
const LABEL_EVERY = 480;
const STRUCK = { kill: "SIGKILL", terminate: "SIGTERM", stop: "SIGSTOP", cut: "cut off", hold: "held", watch: "point reached" };

function wordOf({ what, fields }) {
  if (what === "started") return `life ${fields.life}`;
  if (what === "sprung") return STRUCK[fields.action] || fields.action;
  if (what === "complete") return "input finished";
  if (what === "ended") return `life ${fields.life} ended`;
  return what;
}

function lanesOf(version, marks, moments) {
  const lives = [...new Set(moments.filter(({ what }) => what === "started").map(({ fields }) => fields.life))];
  const effects = version.places.filter(({ system }) => system !== "kafka").map(({ name }) => name);
  const places = [...new Set(["kafka", ...effects, ...marks.map(({ place }) => place)])];
  const lanes = [
    ...lives.map((life) => ({ key: `life ${life}`, name: `life ${life}`, height: HEIGHT.life })),
    ...places.map((place) => ({ key: place, name: place === "kafka" ? "Kafka" : place, height: HEIGHT.place })),
  ];
  let y = HEAD;
  for (const lane of lanes) {
    lane.y = y;
    lane.middle = y + (lane.height === HEIGHT.place ? MIDDLE : lane.height / 2);
    y += lane.height;
  }
  return { lanes, height: y + FOOT, at: (key) => lanes.find((lane) => lane.key === key) };
}

function positions(columns, marks) {
  const xs = new Map();
  for (const column of columns) {
    const middle = column.x + column.width / 2;
    if (column.type === "mark") xs.set(column.mark.number, middle);
    if (column.type === "fold") for (const mark of column.marks) xs.set(mark.number, middle);
  }
  return (number) => {
    const mark = marks[number];
    if (xs.has(number)) return xs.get(number);
    return mark && mark.within !== undefined ? xs.get(mark.within) : undefined;
  };
}

function draw(timeline, marks, version, view) {
  const { columns, width, moments } = columnsOf(timeline, marks, view);
  const layout = lanesOf(version, marks, moments);
  const place = placer(columns);
  const xOf = positions(columns, marks);
  const svg = sv("svg", {
    width, height: layout.height, viewBox: `0 0 ${width} ${layout.height}`, role: "group",
    "aria-label": `Timeline: ${count(columns.filter(({ type }) => type === "mark").length, "message")} in the order of the wire`,
  });
  for (const lane of layout.lanes) svg.append(sv("line", { class: "lane", x1: 0, x2: width, y1: lane.y, y2: lane.y }));
  svg.append(
    drawJoins(timeline, layout, xOf),
    drawSpans(timeline, layout, place, columns, width),
    drawLives(moments, layout, place, width),
    drawMoments(columns, layout),
    ...columns.filter(({ type }) => type === "mark").map(({ mark }) => drawStem(mark, layout, xOf(mark.number))),
    ...columns.map((column) => drawColumn(column, layout)),
    drawTimes(columns, layout),
  );
  return { svg, layout, columns, xOf };
}

function drawStem(mark, { at }, x) {
  const life = at(`life ${mark.life}`);
  const lane = at(mark.place);
  if (!life || !lane) return null;
  const dropped = mark.outcome === "dropped";
  const y2 = dropped ? (life.middle + lane.middle) / 2 : lane.middle - 9;
  const stem = sv("line", { class: "stem", x1: x, x2: x, y1: life.middle + 4, y2 });
  return dropped ? sv("g", {}, stem, sv("line", { class: "crash", x1: x - 5, x2: x + 5, y1: y2, y2 })) : stem;
}

function shapeOf(mark, x, y) {
  if (mark.fate === "not done") return sv("rect", { class: "shape", x: x - 8, y: y - 8, width: 16, height: 16, rx: 2 });
  if (mark.fate === "unknown") return sv("path", { class: "shape", d: `M${x} ${y - 10}l10 10l-10 10l-10 -10z` });
  return sv("circle", { class: "shape", cx: x, cy: y, r: 8.5 });
}

function drawMark(mark, x, y) {
  return sv("g", {
    class: `mark ${mark.fate.replace(" ", "-")}`, "data-mark": mark.number, role: "button", tabindex: -1, "aria-label": told(mark),
  },
  sv("circle", { class: "halo", cx: x, cy: y, r: 11.5 }), shapeOf(mark, x, y),
  sv("text", { class: "letter", x, y: y + 3.6 }, mark.fate === "unknown" ? "?" : mark.letter),
  mark.holds ? sv("text", { class: "small", x, y: y + 20, "text-anchor": "middle" }, `+${mark.holds}`) : null);
}

function drawColumn(column, layout) {
  const middle = column.x + column.width / 2;
  if (column.type === "mark") return drawMark(column.mark, middle, layout.at(column.mark.place).middle);
  if (column.type === "moment") return null;
  const top = layout.at("kafka").y + 22;
  const bottom = layout.height - FOOT - 8;
  const box = { x: column.x + 4, y: top, width: column.width - 8, height: bottom - top, rx: 5 };
  const centre = (text, line) => sv("text", { x: middle, y: top + 18 + line * 14, "text-anchor": "middle" }, text);
  if (column.type === "omission") {
    const total = Object.values(column.omission.fates).reduce((sum, number) => sum + number, 0);
    return sv("g", { class: "fold" }, sv("rect", box), centre(total.toLocaleString("en"), 0), centre("left out", 1), centre("of this page", 2));
  }
  const lines = [count(column.marks.length, "message"), column.groups.size === 1 ? "1 interval" : `${column.groups.size} intervals`, "show"];
  return sv("g", {
    class: "fold", role: "button", tabindex: -1, "data-fold": [...column.groups].join(" "),
    "aria-label": `${lines[0]} in ${lines[1]}, nothing unusual: show them`,
  }, sv("rect", box), ...lines.map(centre));
}

function drawMoments(columns, layout) {
  const group = sv("g", {});
  for (const column of columns) {
    if (column.type !== "moment") continue;
    const struck = column.moment.what === "sprung" || column.moment.what === "broker killed";
    const x = column.x + column.width / 2;
    group.append(
      sv("line", { class: struck ? "crash" : "event", x1: x, x2: x, y1: HEAD - 4, y2: layout.height - FOOT }),
      sv("text", { class: struck ? "crash-label" : "", x, y: 13, "text-anchor": "middle" }, wordOf(column.moment)),
    );
  }
  return group;
}

function drawLives(moments, layout, place, width) {
  const group = sv("g", {});
  const ends = new Map();
  for (const { what, fields, t } of moments) {
    const over = ["killed", "exited", "ended"].includes(what) && fields.life !== undefined && !ends.has(fields.life);
    if (over) ends.set(fields.life, place(t));
  }
  const woken = moments.find(({ what }) => what === "woken");
  for (const { what, fields, t } of moments) {
    if (what !== "started") continue;
    const { middle } = layout.at(`life ${fields.life}`);
    const x2 = Math.max(place(t), ends.get(fields.life) ?? width - 14);
    const line = (from, to, kind) => sv("line", { class: kind, x1: from, x2: to, y1: middle, y2: middle });
    const stopped = moments.find((moment) => moment.what === "stopped" && moment.fields.life === fields.life);
    if (stopped) {
      const awake = woken ? place(woken.t) : x2;
      group.append(line(place(t), place(stopped.t), "alive"), line(place(stopped.t), awake, "asleep"), line(awake, Math.max(awake, x2), "alive"));
    } else {
      group.append(line(place(t), x2, "alive"));
    }
    if (ends.has(fields.life)) group.append(sv("text", { class: "crash-label", x: x2 + 5, y: middle + 4 }, "✗"));
  }
  return group;
}

// Kafka's transactions, and those of databases that something went wrong in; the others end in their commit mark.
function drawSpans(timeline, layout, place, columns, width) {
  const group = sv("g", {});
  for (const [where, name, life, began, ended, how] of timeline.spans) {
    const lane = layout.at(where);
    if (!lane || (where !== "kafka" && how === "committed")) continue;
    const hidden = columns.find((column) => column.type === "fold" && timeOf(column) <= began && (ended ?? Infinity) <= lastTimeOf(column));
    if (hidden) continue;
    const x1 = place(began) - 9;
    const x2 = ended === null ? width - 14 : place(ended) + 9;
    const kind = how.startsWith("committed") ? "" : /^(aborted|rolled)/.test(how) ? "aborted" : "open";
    group.append(sv("rect", { class: `span ${kind}`, x: x1, y: lane.y + 5, width: Math.max(14, x2 - x1), height: 17, rx: 4 },
      sv("title", {}, `Transaction ${name}, life ${life}: ${how}`)));
    group.append(...labels(`${name}: ${how}`, x1 + 5, x2 - 5, lane.y + 17));
  }
  return group;
}

// A long span says more than once what it is: the strip shows a part of it at a time.
function labels(text, x1, x2, y) {
  const room = Math.floor((x2 - x1) / LETTER);
  if (room < 5) return [];
  if (room < text.length) return [sv("text", { class: "small", x: x1, y }, `${text.slice(0, room - 1)}…`)];
  const every = Math.max(LABEL_EVERY, text.length * LETTER + 40);
  const found = [];
  for (let x = x1; x + text.length * LETTER <= x2; x += every) found.push(sv("text", { class: "small", x, y }, text));
  return found;
}

// Bands shade the work that a violation is about; a tie leads from the life that did it to the life that did it again.
function drawJoins(timeline, layout, xOf) {
  const group = sv("g", {});
  for (const join of timeline.joins) {
    const lane = layout.at(join.place) || layout.at("kafka");
    const bands = join.bands.map(([life, , first, last]) => ({ life, x1: xOf(first), x2: xOf(last) }))
      .filter(({ x1, x2 }) => x1 !== undefined && x2 !== undefined);
    const tied = ["duplicate", "zombie-write", "lost"].includes(join.verdict);
    const y = lane.y + lane.height - 15;
    for (const band of bands) {
      const { life, x1, x2 } = band;
      group.append(sv("rect", { class: "band", x: x1 - 12, y: lane.y + 24, width: x2 - x1 + 24, height: lane.height - 40, rx: 6 }));
      const before = tied && bands.findLast((other) => other.life < life && other.x1 < x1);
      if (!before) continue;
      const [from, to] = [(before.x1 + before.x2) / 2, (x1 + x2) / 2];
      group.append(sv("path", { class: "tie", d: `M${from} ${y}C${from} ${y + 12} ${to} ${y + 12} ${to} ${y}` }));
    }
    const words = { duplicate: "again", "zombie-write": "again" }[join.verdict] || join.verdict;
    const at = bands.find(({ life }) => life > 1) || bands[0];
    if (at) group.append(sv("text", { class: "tie-label", x: at.x1 - 10, y: lane.y + lane.height - 2 }, `${join.total} ${words}`));
  }
  return group;
}

function drawTimes(columns, layout) {
  const group = sv("g", {});
  let free = -1;
  for (const column of columns) {
    if (column.x < free || column.type === "omission") continue;
    group.append(sv("text", { class: "small", x: column.x + 2, y: layout.height - 6 }, seconds(timeOf(column))));
    free = column.x + 110;
  }
  return group;
}
