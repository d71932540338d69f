// The page: the list of feeds, which updates itself, and the pages of single uploads.
import { byID, element, plural, time } from "./dom.js";
import { card, idOf, isOpen, keyOf, matches, needsAttention } from "./feed.js";
import { showUpload, showVersions } from "./upload.js";

// A card is replaced only if the state of its feed has changed, so that the page keeps
// its position and a selection. A card that is replaced keeps what is open and focused.
const shown = new Map();

function replace(old, next) {
  const focused = old.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  for (const e of old.querySelectorAll("details[open]")) {
    const same = [...next.querySelectorAll("details")].find((d) => d.dataset.open === e.dataset.open);
    if (same) same.open = true;
  }
  next.classList.add("changed");
  old.replaceWith(next);
  if (focused) [...next.querySelectorAll("[data-key]")].find((e) => e.dataset.key === focused)?.focus();
}

function show(state) {
  byID("account").textContent = state.account;
  byID("problem").hidden = !state.error;
  if (byID("problem").textContent !== (state.error || "")) byID("problem").textContent = state.error || "";
  summarize(state);
  const keys = new Set();
  for (const feed of state.feeds) {
    const key = keyOf(feed);
    const text = JSON.stringify(feed);
    keys.add(key);
    const old = shown.get(key);
    if (old && old.text === text) continue;
    const next = card(feed, old ? isOpen(old.card) : false);
    if (old) replace(old.card, next);
    else byID("feeds").append(next);
    shown.set(key, { text, feed, card: next });
  }
  for (const [key, old] of shown) {
    if (!keys.has(key)) {
      old.card.remove();
      shown.delete(key);
    }
  }
  let position = byID("feeds").firstChild;
  for (const key of keys) {
    const { card } = shown.get(key);
    if (card === position) position = position.nextSibling;
    else byID("feeds").insertBefore(card, position);
  }
  byID("search").hidden = state.feeds.length < 2;
  filter();
}

// isStale reports whether AWS could not be read: the figures are older than the state.
const isStale = (state) => Boolean(state.error) && time(state.figures) !== time(state.at);

// summarize writes the headline: the feeds that need attention, each a link to it.
let headline = "";

function summarize(state) {
  const feeds = state.feeds.filter(needsAttention);
  const before = isStale(state) ? `At ${time(state.figures)} UTC: ` : "";
  document.title = before ? "(?) Feeds" : feeds.length ? `(${feeds.length}) Feeds` : "Feeds";
  const next = JSON.stringify([before, state.feeds.length, feeds.map((f) => [keyOf(f), f.state]), Boolean(state.error)]);
  if (next === headline) return;
  headline = next;
  const all = plural(state.feeds.length, "feed");
  let content = [`${before}${all}, none needs attention.`];
  if (state.feeds.length === 0) content = [state.error ? "" : "No stack of this account and region has a feed. Deploy one, or use another --profile or --region."];
  else if (feeds.length > 0) {
    content = [`${before}${feeds.length} of ${all} ${feeds.length === 1 ? "needs" : "need"} attention: `];
    feeds.forEach((f, i) => content.push(i ? ", " : "", element("a", { href: `#${idOf(f)}`, textContent: f.feed }), ` (${f.state})`));
    content.push(".");
  }
  byID("summary").replaceChildren(...content);
}

// filter hides the feeds that do not match.
function filter() {
  const text = byID("filter").value.trim();
  let n = 0;
  for (const { feed, card } of shown.values()) {
    const keep = text === "" || matches(feed, text);
    card.hidden = !keep;
    if (keep) n++;
  }
  const found = text === "" ? "" : `${n} of ${plural(shown.size, "feed")}`;
  if (byID("matches").textContent !== found) byID("matches").textContent = found;
}

function link(className, text) {
  byID("link").className = className;
  if (byID("link").textContent !== text) byID("link").textContent = text;
}

// route shows what the hash names: an upload, the records with a key, or a feed of the list.
function route() {
  const hash = location.hash.slice(1);
  const show = hash.startsWith("upload/") ? showUpload : hash.startsWith("versions/") ? showVersions : null;
  byID("list").hidden = show !== null;
  byID("upload").hidden = show === null;
  if (show) {
    show(hash);
    return;
  }
  const toggle = byID(`${hash}-toggle`);
  if (!toggle) return;
  if (toggle.getAttribute("aria-expanded") !== "true") toggle.click();
  toggle.focus({ preventScroll: true });
  byID(hash).scrollIntoView();
}

async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    byID("copied").textContent = `Copied: ${text}`;
  } catch {
    // Without the permission, the command is selected instead.
    getSelection().selectAllChildren(button.previousElementSibling);
    byID("copied").textContent = "Selected; copy it with the keyboard.";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("[data-copy]");
  if (button) copy(button);
});
byID("filter").addEventListener("input", filter);
addEventListener("hashchange", route);

let first = true;
const events = new EventSource("events");
events.onmessage = (e) => {
  const state = JSON.parse(e.data);
  show(state);
  const figures = time(state.figures);
  if (!isStale(state)) link("live", `Live, last change ${figures.slice(11)} UTC`);
  else link("lost", figures ? `AWS cannot be read, figures of ${figures} UTC` : "AWS cannot be read");
  document.body.classList.toggle("stale", isStale(state));
  if (first) route();
  first = false;
};
events.onerror = () => {
  link("lost", "Not connected: is `ingest ui` still running? Retrying …");
  document.body.classList.add("stale");
};
