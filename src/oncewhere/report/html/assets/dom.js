// Elements are made here and nowhere else: text becomes a text node, so nothing that a run holds is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

// In the place of whatever a node held before.
function put(node, ...children) {
  node.replaceChildren();
  return fill(node, {}, children);
}

const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const sv = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);
const count = (number, one, several = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : several}`;
const seconds = (ticks) => `${(ticks / TICKS_PER_S).toFixed(3)} s`;

const TICKS_PER_S = 10000;
const facts = JSON.parse(byId("facts").textContent);

// What is chosen: the point, the filters, and the mark within the timeline.
const state = { point: -1, open: new Set(), verdict: "", version: "", scenario: "", message: "", phase: "", text: "" };

function verdictWord(verdict, number) {
  const { mark, kind } = facts.verdicts[verdict];
  return el("span", { class: `word ${kind}` }, `${mark} ${number === undefined ? "" : `${number} `}${verdict}`);
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", {});
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}
