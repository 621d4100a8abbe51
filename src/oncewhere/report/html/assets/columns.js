// Marks, moments and omissions come in; columns go out, from left to right in the order in which things happened.
//
// A column is a mark, a fold of commit intervals in which nothing is worth a second look, marks that the page left out, or
// a moment that belongs to the whole (a crash, a start).

const WIDTH = { mark: 22, fold: 100, omission: 100 };
const widthOf = (column) => (column.type === "moment" ? Math.max(30, wordOf(column.moment).length * 6 + 12) : WIDTH[column.type]);
const SHOWN_MOMENTS = new Set([
  "started", "sprung", "stopped", "woken", "exited", "released", "complete", "broker killed", "broker back",
  "purged", "rewound", "recreated", "ended", "terminated",
]);

function columnsOf(timeline, marks, view) {
  const moments = timeline.moments.map(([t, what, fields, after], number) => ({ t, what, fields, after, number }));
  const omissions = new Map(timeline.omissions.map((entry) => [entry.after, entry]));
  const shown = moments.filter(({ what, fields }) => SHOWN_MOMENTS.has(what) && (what !== "ended" || fields.life !== undefined))
    .filter((moment, number, all) => moment.what !== "stopped" || all[number - 1]?.what !== "sprung");
  // What is done at a message is done once it was sent: its line stands behind the message's mark.
  for (const moment of shown) {
    const struck = moment.what === "sprung" && marks[moment.after]?.struck && marks[moment.after];
    if (struck) Object.assign(moment, { after: moment.after + 1, t: Math.max(moment.t, struck.t + 0.5) });
  }
  const columns = [];
  let fold = null;
  const push = (column) => { fold = null; columns.push(column); };
  for (let number = 0; number <= marks.length; number += 1) {
    for (const moment of shown.filter((entry) => entry.after === number)) push({ type: "moment", moment });
    if (omissions.has(number)) push({ type: "omission", omission: omissions.get(number) });
    if (number === marks.length) break;
    const mark = marks[number];
    if (mark.within !== undefined && !view.statements && !view.opened.has(`w${mark.within}`)) continue;
    if (mark.quiet && !view.all && !view.opened.has(mark.group)) {
      if (fold === null) {
        const column = { type: "fold", marks: [], groups: new Set() };
        push(column);
        fold = column;
      }
      fold.marks.push(mark);
      fold.groups.add(mark.group);
    } else {
      push({ type: "mark", mark });
    }
  }
  let x = 14;
  for (const column of columns) {
    column.x = x;
    column.width = widthOf(column);
    x += column.width;
  }
  return { columns, width: x + 40, moments };
}

// Where a time stands: in the column of the last thing that happened before it.
function placer(columns) {
  const known = columns.map((column) => ({ x: column.x + column.width / 2, t: timeOf(column) }));
  return (t) => {
    let found = known[0] || { x: 14 };
    for (const entry of known) if (entry.t <= t) found = entry;
    return found.x;
  };
}

function timeOf(column) {
  if (column.type === "mark") return column.mark.t;
  if (column.type === "fold") return column.marks[0].t;
  return column.type === "moment" ? column.moment.t : column.omission.first;
}

function lastTimeOf(column) {
  return column.type === "fold" ? Math.max(...column.marks.map(({ endsAt }) => endsAt)) : timeOf(column);
}
