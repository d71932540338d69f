"use strict";

// Values of a feed are inserted as text, never as HTML.
const element = (name, properties, ...children) => {
  const e = document.createElement(name);
  Object.assign(e, properties);
  e.append(...children.filter((c) => c !== null));
  return e;
};
const byID = (id) => document.getElementById(id);
const number = (n) => n.toLocaleString("en");
const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;
const time = (t) => (t ? t.slice(0, 19).replace("T", " ") : "");
const badge = (state) => element("span", { className: `badge ${state}`, textContent: state });

function step(label, value, className) {
  const text = value === null ? "?" : number(value);
  return element("li", { className: className || "" }, element("strong", { textContent: text }), element("span", { textContent: label }));
}

function flow(feed) {
  const steps = [
    step("records in", feed.records),
    step("stored", feed.stored),
    step("in quarantine", feed.quarantined, feed.quarantined > 0 ? "some" : ""),
  ];
  if (feed.snowflake) {
    const rows = step(feed.snowflake.rows === null ? "Snowflake: unknown" : "rows in Snowflake", feed.snowflake.rows);
    rows.title = feed.snowflake.error || feed.snowflake.table;
    steps.push(rows);
  }
  steps.push(step("uploads not done", feed.waiting, feed.state === "waiting" ? "some" : ""));
  if (feed.queued > 0) steps.push(step("queued", feed.queued));
  steps.push(step("failed events", feed.failed, feed.failed > 0 ? "broken" : ""));
  return element("ul", { className: "flow" }, ...steps);
}

// Text between backticks is a command.
const withCommands = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", { textContent: part }) : part));

function tableOf(label, heads, rows) {
  const head = element("tr", {}, ...heads.map(([text, className]) => element("th", { scope: "col", textContent: text, className: className || "" })));
  // Focusable, so that the keyboard can scroll it on a narrow screen.
  return element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: label },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function uploads(feed) {
  const rows = feed.recent.map((u) => element("tr", {},
    element("td", { className: "time", textContent: time(u.time) }),
    element("td", { className: "key", title: u.source }, u.key, u.message ? element("span", { className: "message", textContent: u.message }) : null),
    element("td", {}, badge(u.state)),
    element("td", { className: "number", textContent: number(u.records) }),
    element("td", { className: "number", textContent: number(u.stored) }),
    element("td", { className: "number", textContent: number(u.quarantined) }),
  ));
  return element("section", { className: "uploads" },
    element("h3", { textContent: feed.uploads > rows.length ? `Newest ${rows.length} of ${plural(feed.uploads, "upload", "uploads")}` : plural(feed.uploads, "upload", "uploads") }),
    rows.length === 0 ? element("p", { className: "none", textContent: "No files yet." }) :
      tableOf(`Uploads of ${feed.feed}`, [["Time (UTC)"], ["File"], ["State"], ["Records", "number"], ["Stored", "number"], ["Quarantined", "number"]], rows));
}

function reasons(feed) {
  if (feed.reasons.length === 0) return null;
  const rows = feed.reasons.map((r) => element("tr", {},
    element("td", { textContent: r.reason }), element("td", { className: "number", textContent: number(r.records) })));
  return element("section", { className: "reasons" }, element("h3", { textContent: "Quarantine reasons" }),
    tableOf(`Quarantine of ${feed.feed}`, [["Reason"], ["Records", "number"]], rows));
}

function card(feed) {
  const why = reasons(feed);
  const heading = `feed-${feed.stack}-${feed.feed}`;
  const article = element("article", { className: `feed ${feed.state}` },
    element("div", { className: "title" },
      element("h2", { id: heading, textContent: feed.feed }), badge(feed.state),
      element("span", { className: "stack", textContent: `stack ${feed.stack}` })),
    feed.advice ? element("p", { className: "advice" }, ...withCommands(feed.advice)) : null,
    flow(feed),
    element("div", { className: why ? "parts" : "parts alone" }, uploads(feed), why));
  article.setAttribute("aria-labelledby", heading);
  return article;
}

// A card is replaced only if the state of its feed has changed, so that the page keeps
// its position and a selection.
const shown = new Map();

function show(state) {
  byID("account").textContent = state.account;
  byID("problem").hidden = !state.error;
  byID("problem").textContent = state.error || "";
  const failing = state.feeds.filter((f) => ["failing", "unknown", "rejecting"].includes(f.state)).map((f) => f.feed);
  byID("summary").textContent = summary(state, failing);
  document.title = failing.length ? `(${failing.length}) Feeds` : "Feeds";
  const keys = new Set();
  for (const feed of state.feeds) {
    const key = `${feed.stack}/${feed.feed}`;
    const text = JSON.stringify(feed);
    keys.add(key);
    const old = shown.get(key);
    if (old && old.text === text) continue;
    const next = card(feed);
    if (old) {
      next.classList.add("changed");
      old.card.replaceWith(next);
    } else {
      byID("feeds").append(next);
    }
    shown.set(key, { text, card: next });
  }
  let position = byID("feeds").firstChild;
  for (const key of keys) {
    const { card } = shown.get(key);
    if (card === position) position = position.nextSibling;
    else byID("feeds").insertBefore(card, position);
  }
  for (const [key, old] of shown) {
    if (!keys.has(key)) {
      old.card.remove();
      shown.delete(key);
    }
  }
}

function summary(state, failing) {
  if (state.feeds.length === 0) return state.error ? "" : "No stack of this account and region has a feed.";
  if (failing.length === 0) return `${plural(state.feeds.length, "feed", "feeds")}, none failing.`;
  return `${failing.length} of ${plural(state.feeds.length, "feed", "feeds")} ${failing.length === 1 ? "needs" : "need"} attention: ${failing.join(", ")}.`;
}

function link(className, text) {
  byID("link").className = className;
  byID("link").textContent = text;
}

const events = new EventSource("events");
events.onmessage = (e) => {
  const state = JSON.parse(e.data);
  show(state);
  const figures = time(state.figures);
  if (figures === time(state.at)) link("live", `Live, last change ${figures.slice(11)} UTC`);
  else link("lost", figures.startsWith("0001") ? "AWS cannot be read" : `AWS cannot be read, figures of ${figures} UTC`);
};
events.onerror = () => link("lost", "Not connected: is `ingest ui` still running? Retrying …");
