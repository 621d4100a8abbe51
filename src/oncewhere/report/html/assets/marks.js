// A packed timeline comes in; its marks go out as objects, and what belongs to a transaction knows the mark that ended it.

const LETTERS = {
  Produce: "P", TxnOffsetCommit: "O", OffsetCommit: "O", EndTxn: "E", InitProducerId: "I", OffsetFetch: "F",
  write: "w", commit: "C", rollback: "R", DATA: "D", POST: "P", PUT: "U", PATCH: "A", DELETE: "X",
};
const TEXTS = ["link", "place", "kind", "words", "outcome", "back", "struck", "request", "reply"];

function readMarks(timeline) {
  const { marks, table, fates } = timeline;
  const quiet = new Set(timeline.quiet.map(([life, interval]) => `${life}/${interval}`));
  const found = marks.t.map((t, number) => {
    const mark = { number, t, fate: fates[marks.fate[number]] };
    for (const name of ["answered", "life", "interval", "nth"]) mark[name] = marks[name][number];
    for (const name of TEXTS) mark[name] = table[marks[name][number]];
    mark.letter = LETTERS[mark.kind] || mark.kind.slice(0, 1).toUpperCase();
    mark.group = `${mark.life}/${mark.interval}`;
    mark.quiet = quiet.has(mark.group);
    mark.endsAt = mark.answered < 0 ? mark.t : mark.t + mark.answered;
    return mark;
  });
  nestStatements(found);
  return found;
}

// A statement within a database transaction that committed stands behind its commit, unless it is what a reader came for.
function nestStatements(marks) {
  const pending = new Map();
  for (const mark of marks) {
    if (mark.place === "kafka") continue;
    if (mark.fate === "open" && !mark.struck) {
      if (!pending.has(mark.link)) pending.set(mark.link, []);
      pending.get(mark.link).push(mark);
    } else {
      const inside = pending.get(mark.link) || [];
      if (mark.fate === "done" && inside.length) {
        mark.holds = inside.length;
        for (const statement of inside) statement.within = mark.number;
      }
      pending.delete(mark.link);
    }
  }
}

const addressOf = (mark) => (mark.nth ? `${mark.place}.${mark.kind}.${mark.interval}.${mark.nth}` : `${mark.place} ${mark.kind}`);

function told(mark) {
  const struck = mark.struck ? `; here: ${mark.struck}` : "";
  return `${seconds(mark.t)}, life ${mark.life || "unknown"}, ${addressOf(mark)}: ${mark.fate}, ${mark.words}${struck}`;
}
