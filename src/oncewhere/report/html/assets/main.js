// The page begins here: what was found is shown, and the first violation chosen.

const THEMES = ["system", "light", "dark"];

function nextTheme() {
  const now = THEMES.indexOf(document.documentElement.dataset.theme || "system");
  setTheme(THEMES[(now + 1) % THEMES.length]);
}

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme-button").textContent = `Theme: ${theme}`;
  try { localStorage.setItem("oncewhere-theme", theme); } catch { /* a page from disk may have no storage */ }
}

function refresh() {
  const numbers = passing();
  const unvisited = facts.versions.reduce((sum, version) => sum + version.unvisited, 0);
  const rest = unvisited ? `; ${count(unvisited, "point was", "points were")} not visited, and so nothing is known there` : "";
  byId("counted").textContent = `${numbers.length.toLocaleString("en")} of ${count(facts.points.length, "trial")} shown${rest}`;
  showMatrix(numbers);
}

function choosePoint(number, announce = true) {
  state.point = number;
  const point = facts.points[number];
  const key = `${point.version}:${groupOf(point)}`;
  const row = () => byId("matrix").querySelector(`[data-point="${number}"]`);
  if (!row()) {
    state.open.add(key);
    refresh();
  }
  byId("matrix").querySelectorAll("[aria-current]").forEach((node) => node.removeAttribute("aria-current"));
  row()?.setAttribute("aria-current", "true");
  row()?.scrollIntoView({ block: "nearest" });
  if (announce) history.replaceState(null, "", `#${encodeURIComponent(`${facts.versions[point.version].name}/${point.id}`)}`);
  showTrial(number);
  if (announce && stacked()) byId("trial").scrollIntoView({ block: "start" });
}

// Where the details stand below the points, as on a phone, a choice would change what nobody sees.
const stacked = () => byId("trial").offsetTop >= byId("points").offsetTop + byId("points").offsetHeight;

// By its id, as the page writes it, or by the name that commands use; of one version alone, without that in front, too.
function pointOfAddress() {
  const asked = decodeURIComponent(location.hash.slice(1));
  const at = (name) => facts.points.findIndex((point) => asked === `${facts.versions[point.version].name}/${point[name]}`
    || (facts.versions.length === 1 && asked === point[name]));
  const exact = at("id");
  return exact >= 0 ? exact : at("label");
}

function begin() {
  let theme = "system";
  try { theme = localStorage.getItem("oncewhere-theme") || theme; } catch { /* likewise */ }
  setTheme(THEMES.includes(theme) ? theme : "system");
  byId("theme-button").addEventListener("click", nextTheme);
  byId("run-name").textContent = facts.name;
  const covered = facts.versions.filter(({ coverage }) => coverage.length);
  put(byId("conclusion"),
    facts.conclusion.map((sentence) => el("p", {}, sentence)),
    facts.without_timeline ? el("p", { class: "notice" }, `${count(facts.without_timeline, "point")} have no timeline here, so that the page stays small enough to open; those that held were left out first.`) : null,
    covered.length ? el("details", {}, el("summary", {}, "What was visited, and what was left out"), covered.map((version) => [
      facts.versions.length > 1 ? el("h3", {}, version.name) : null, el("ul", { class: "soft" }, version.coverage.map((line) => el("li", {}, line)))])) : null);
  byId("about").textContent = `The drill took ${facts.duration_s.toFixed(0)} s. Made with ${Object.entries(facts.made_with).map((entry) => entry.join(" ")).join(", ")}.`;
  buildFilters();
  buildKeys();
  refresh();
  const asked = pointOfAddress();
  const first = facts.points.findIndex(({ verdict, clean }) => facts.verdicts[verdict].kind === "violated" && !clean);
  if (facts.points.length) choosePoint(asked >= 0 ? asked : Math.max(first, 0), false);
  else put(byId("trial-body"), el("p", {}, "There is no point to choose: nothing was judged."));
  window.addEventListener("hashchange", () => { if (pointOfAddress() >= 0) choosePoint(pointOfAddress(), false); });
}

// Paper does not scroll: it is given the part of a timeline that the screen shows.
function cropStrips(printing) {
  for (const strip of document.querySelectorAll(".strip")) {
    const svg = strip.firstElementChild;
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const full = Number(svg.dataset.width || width);
    svg.dataset.width = full;
    const shown = printing ? Math.min(full, strip.clientWidth) : full;
    svg.setAttribute("viewBox", `${printing ? Math.min(strip.scrollLeft, full - shown) : 0} 0 ${shown} ${height}`);
    svg.setAttribute("width", printing ? "100%" : full);
  }
}

window.addEventListener("beforeprint", () => cropStrips(true));
window.addEventListener("afterprint", () => cropStrips(false));
begin();
