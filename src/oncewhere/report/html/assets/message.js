// A mark comes in; everything that is known of its message goes out.

function showMessage(mark, box) {
  const fields = (title, value) => (Object.keys(value).length ? el("div", {}, el("h3", {}, title), definitions(value)) : null);
  const kind = mark.fate === "not done" ? "violated" : mark.fate === "unknown" ? "open" : "held";
  put(box,
    el("h3", {}, `${addressOf(mark)} `, el("span", { class: `word ${mark.fate === "open" ? "" : kind}` }, mark.fate)),
    el("p", {}, `${mark.words[0].toUpperCase()}${mark.words.slice(1)}.`, mark.struck ? el("b", {}, ` Here: ${STRUCK[mark.struck] || mark.struck}.`) : null),
    el("p", { class: "soft" }, [
      `${seconds(mark.t)}`, mark.answered < 0 ? "no answer seen" : `answered after ${(mark.answered / 10).toFixed(1)} ms`,
      `life ${mark.life || "unknown (several were awake)"}`, `commit interval ${mark.interval}`, `connection ${mark.link}`,
      `request ${mark.outcome}`, mark.back ? `answer ${mark.back}` : null, mark.holds ? `${count(mark.holds, "statement")} before it in its transaction` : null,
    ].filter(Boolean).join(" · ")),
    el("div", { class: "fields" }, fields("Request", mark.request), fields("Answer", mark.reply)),
  );
}

function definitions(value) {
  return el("dl", {}, Object.entries(value).map(([name, entry]) => {
    const [what, how] = name === "committed" && typeof entry === "boolean" ? ["asks to", entry ? "commit" : "abort"] : [name, plain(entry)];
    return [el("dt", {}, what), el("dd", { class: "mono" }, how)];
  }));
}

function plain(value) {
  if (Array.isArray(value)) return value.length ? value.map(plain).join("; ") : "none";
  if (value === null) return "none";
  if (typeof value !== "object") return String(value);
  const { topic, partition, ...rest } = value;
  const others = Object.entries(rest).map(([name, entry]) => `${name} ${plain(entry)}`).join(", ");
  if (topic === undefined || partition === undefined) return Object.entries(value).map(([name, entry]) => `${name} ${plain(entry)}`).join(", ");
  return `${topic}-${partition}${others ? `: ${others}` : ""}`;
}
