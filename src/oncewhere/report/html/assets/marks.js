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
    for (const name of ["answered", "life", "interval", "nth", "span"]) mark[name] = marks[name][number];
    for (const name of TEXTS) mark[name] = table[marks[name][number]];
    mark.letter = LETTERS[mark.kind] || mark.kind.slice(0, 1).toUpperCase();
    mark.group = `${mark.life}/${mark.interval}`;
    mark.quiet = quiet.has(mark.group);
    mark.endsAt = mark.answered < 0 ? mark.t : mark.t + mark.answered;
    return mark;
  });
  nestStatements(found, timeline.spans);
  return found;
}

// The statements of a database transaction that committed stand behind its last message, the commit.
function nestStatements(marks, spans) {
  const last = new Map();
  for (const mark of marks) if (mark.span >= 0) last.set(mark.span, mark);
  for (const mark of marks) {
    if (mark.span < 0 || mark.place === "kafka" || mark.struck || !spans[mark.span][5].startsWith("committed")) continue;
    const commit = last.get(mark.span);
    if (commit === mark) continue;
    mark.within = commit.number;
    commit.holds = (commit.holds || 0) + 1;
  }
}

const addressOf = (mark) => (mark.nth ? `${mark.place}.${mark.kind}.${mark.interval}.${mark.nth}` : `${mark.place} ${mark.kind}`);

function told(mark) {
  const struck = mark.struck ? `; here: ${mark.struck}` : "";
  return `${seconds(mark.t)}, life ${mark.life || "unknown"}, ${addressOf(mark)}: ${mark.fate}, ${mark.words}${struck}`;
}
