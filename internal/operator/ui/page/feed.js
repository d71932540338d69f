// One feed of the list: a line that opens, and what is wrong with the feed.
import { badge, command, commands, element, fact, number, plural, table, time } from "./dom.js";
import { flow, spark } from "./chart.js";

export const keyOf = (feed) => `${feed.stack}/${feed.feed}`;
export const idOf = (feed) => `feed-${feed.stack}-${feed.feed}`;
export const needsAttention = (feed) => ["failing", "unknown", "rejecting", "waiting"].includes(feed.state);
const uploadLink = (feed, id, text, title) => element("a", { href: `#upload/${feed.stack}/${feed.feed}/${id}`, textContent: text, title: title || "", "data-key": `upload ${id} ${text}` });

// isKnown reports whether the figures of a feed were ever read.
const isKnown = (feed) => feed.state !== "unknown" || Boolean(feed.figures_of);

// line summarizes a feed.
function line(feed) {
  if (!isKnown(feed)) return [element("span", { textContent: "no figures yet" })];
  const parts = [[plural(feed.records, "record")], [`${number(feed.stored)} stored`]];
  if (feed.quarantined > 0) parts.push([`${number(feed.quarantined)} in quarantine`, "some"]);
  if (feed.waiting > 0) parts.push([`${plural(feed.waiting, "upload")} not done`, feed.state === "waiting" ? "some" : ""]);
  if (feed.queued > 0) parts.push([`${number(feed.queued)} queued`]);
  if (feed.failed > 0) parts.push([plural(feed.failed, "failed event"), "broken"]);
  if (feed.last_upload) parts.push([`last file ${time(feed.last_upload.time)}`]);
  return parts.map(([text, className]) => element("span", { textContent: text, className: className || "" }));
}

// problems is what is wrong, always visible: file, error and command.
function problems(feed) {
  if (!feed.advice) return null;
  const items = feed.problems.map((p) => element("li", {},
    element("p", { className: "file" }, p.upload ? uploadLink(feed, p.upload, p.file) : p.file),
    element("p", { className: "error", textContent: (p.function ? `${p.function}: ` : "") + p.error }),
    element("p", { className: "when" }, `${time(p.time)} `, command(p.command))));
  return element("div", { className: "attention" },
    element("p", { className: "advice", textContent: feed.advice }), commands(feed.commands || []),
    feed.error ? element("p", { className: "error", textContent: feed.error }) : null,
    feed.figures_of ? element("p", { className: "error", textContent: `Its figures are of ${time(feed.figures_of)} UTC.` }) : null,
    items.length ? element("ul", {}, items) : null,
    feed.more_problems > 0 && items.length ? element("p", { textContent: `and ${number(feed.more_problems)} more` }) : null);
}

// orphaned tells how to remove a feed that the CDK app no longer has.
function orphaned(feed) {
  if (feed.in_app !== false) return null;
  return element("p", { className: "note" }, `Stack ${feed.stack} is deployed, but not in the app of the folder in which the page was started. To remove it, restore its entry, run `,
    command(`npx cdk destroy ${feed.stack}`), " and remove the entry again.");
}

function facts(feed) {
  const all = [
    fact(number(feed.records), "records in"),
    fact(number(feed.stored), "stored"),
    fact(number(feed.quarantined), "in quarantine", feed.quarantined > 0 ? "some" : ""),
  ];
  if (feed.snowflake) {
    const { rows, error } = feed.snowflake;
    if (rows !== null) all.push(fact(number(rows), "rows in Snowflake", rows !== feed.stored && !feed.more_uploads ? "some" : ""));
    else all.push(fact(error ? "unknown" : "…", error ? "rows in Snowflake" : "counting rows in Snowflake"));
  }
  all.push(fact(number(feed.waiting), "uploads not done", feed.state === "waiting" ? "some" : ""));
  if (feed.queued > 0) all.push(fact(number(feed.queued), "queued"));
  all.push(fact(number(feed.failed), "failed events", feed.failed > 0 ? "broken" : ""));
  return element("ul", { className: "facts" }, all);
}

// snowflake explains a number of rows that differs from the number of stored records.
function snowflake(feed) {
  if (!feed.snowflake) return null;
  const { table: name, rows, error } = feed.snowflake;
  if (error) return element("p", { className: "note", textContent: `Rows of ${name}: ${error}` });
  // The records of uploads that are not counted are among the rows.
  if (rows === null || rows === feed.stored || feed.more_uploads) return null;
  let difference = `${plural(feed.stored - rows, "row")} fewer than records stored: not loaded yet, or rejected by Snowflake.`;
  if (rows > feed.records) difference = `${plural(rows - feed.records, "row")} more than records: a record may be in the table twice, which the view does not show.`;
  else if (rows > feed.stored) difference = `${plural(rows - feed.stored, "row")} more than records stored: it reads files or parts itself, also what DynamoDB does not have yet or has refused.`;
  return element("p", { className: "note" }, `Snowflake has ${difference} Compare part by part: `, command(`ingest reconcile ${feed.feed}`));
}

const uploadColumns = [["Time (UTC)", "time"], ["File", "key"], ["State"], ["Records", "number"], ["Stored", "number"], ["Quarantined", "number"]];

function uploads(feed) {
  const rows = feed.recent.map((u) => [
    time(u.time), [uploadLink(feed, u.upload, u.key, u.source), u.message ? element("span", { className: "message", textContent: u.message }) : null],
    badge(u.state), u.records, u.stored, u.quarantined,
  ]);
  return element("section", {},
    element("h3", { textContent: feed.uploads > rows.length ? `Newest ${rows.length} of ${feed.more_uploads ? "more than " : ""}${plural(feed.uploads, "upload")}` : plural(feed.uploads, "upload") }),
    feed.more_uploads ? element("p", { className: "note", textContent: `All counts are those of the newest ${plural(feed.uploads, "upload")}.` }) : null,
    rows.length === 0 ? element("p", { className: "none", textContent: "No files yet." }) : table(`Uploads of ${feed.feed}`, uploadColumns, rows));
}

function reasons(feed) {
  if (feed.reasons.length === 0) return null;
  const rows = feed.reasons.map((r) => [r.reason, r.records, r.uploads]);
  return element("section", {}, element("h3", { textContent: "Quarantine by reason" }),
    table(`Quarantine of ${feed.feed}`, [["Reason"], ["Records", "number"], ["Uploads", "number"]], rows),
    commands([`ingest quarantine ${feed.feed}`]));
}

function body(feed) {
  return [
    element("p", { className: "from" }, `Stack ${feed.stack}`, feed.sources.length ? ", reads " : "", feed.sources.map((s) => element("code", { textContent: s }))),
    ...(isKnown(feed) ? [facts(feed), snowflake(feed), flow(feed), uploads(feed), reasons(feed)] : []),
  ].filter((e) => e !== null);
}

// card creates the element of a feed.
export function card(feed, open) {
  const id = idOf(feed);
  const toggle = element("button", { type: "button", className: "toggle", id: `${id}-toggle`, textContent: feed.feed, "aria-expanded": String(open), "aria-controls": `${id}-body`, "data-key": "toggle" });
  const article = element("article", { className: `feed ${feed.state}`, id, "aria-labelledby": `${id}-toggle` },
    element("div", { className: "line" },
      element("h2", {}, toggle), badge(feed.state), spark(feed.hours), element("p", { className: "numbers" }, line(feed))),
    problems(feed), orphaned(feed),
    element("div", { className: "body", id: `${id}-body`, hidden: !open }, open ? body(feed) : []));
  toggle.addEventListener("click", () => {
    const expanded = toggle.getAttribute("aria-expanded") !== "true";
    toggle.setAttribute("aria-expanded", String(expanded));
    const content = article.querySelector(".body");
    content.replaceChildren(...(expanded ? body(feed) : []));
    content.hidden = !expanded;
  });
  return article;
}

export const isOpen = (article) => article.querySelector(".toggle").getAttribute("aria-expanded") === "true";

// matches reports whether a feed has the text in its name, stack, state or files.
export function matches(feed, text) {
  const all = [feed.feed, feed.stack, feed.state, ...feed.sources, ...feed.recent.flatMap((u) => [u.key, u.state, u.upload]), ...feed.problems.flatMap((p) => [p.file, p.error]), ...feed.reasons.map((r) => r.reason)];
  return all.some((s) => s.toLowerCase().includes(text.toLowerCase()));
}
