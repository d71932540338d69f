// One upload: its counts, entries, parts, quarantine and first records.
import { badge, byID, command, commands, element, fact, number, plural, size, table, time } from "./dom.js";

const section = (name, ...children) => element("section", {}, element("h3", { textContent: name }), ...children);
const none = (text) => element("p", { className: "none", textContent: text });

function parts(u) {
  const columns = [["Part", "key"], ["State"], ["Records", "number"], ["Stored", "number"], ["Rejected", "number"], ["Size", "number"], ["Landed (UTC)", "time"], ["Loaded (UTC)", "time"], ["Message"]];
  const rows = u.part_list.map((p) => [p.part, badge(p.state), p.records, p.stored, p.rejected, size(p.bytes), time(p.landed_at), time(p.loaded_at), p.message || ""]);
  return section(plural(u.parts, "part"), rows.length === 0 ? none("No part has been written.") : table("Parts", columns, rows),
    element("p", { className: "from" }, "In ", element("code", { textContent: u.parts_folder })));
}

function entries(u) {
  const rows = u.entry_list.map((e) => [number(e.number), e.name]);
  const name = u.entries > rows.length && rows.length > 0 ? `${plural(u.entries, "entry", "entries")}, the first ${rows.length} with a stored record` : plural(u.entries, "entry", "entries");
  return section(name, rows.length === 0 ? none("No entry has a stored record.") : table("Entries", [["Number", "number"], ["Name", "key"]], rows));
}

function quarantine(u) {
  if (u.quarantined === 0 && u.quarantine.length === 0) return null;
  const columns = [["Entry", "key"], ["Ordinal", "number"], ["Offset", "number"], ["Reason"], ["Detail"], ["Beginning of the record", "raw"]];
  const rows = u.quarantine.map((r) => [r.entry, r.ordinal, r.offset < 0 ? "unknown" : number(r.offset), r.reason, r.detail, element("code", { textContent: r.raw })]);
  return section(`${plural(u.quarantined, "record")} in quarantine${u.more_quarantine ? `, the first ${rows.length}` : ""}`,
    rows.length === 0 ? none("No object of them was found.") : table("Quarantine", columns, rows),
    element("p", { className: "from" }, "In ", element("code", { textContent: u.quarantine_folder })));
}

function records(u) {
  const rows = u.record_list.map((r) => [r.entry, r.ordinal, element("code", { textContent: r.data })]);
  return section(rows.length < u.stored ? `First ${rows.length} of ${plural(u.stored, "stored record")}` : plural(u.stored, "stored record"),
    rows.length === 0 ? none("No record is stored.") : table("Records", [["Entry", "key"], ["Ordinal", "number"], ["Data", "raw"]], rows));
}

function view(u) {
  return [
    element("p", { className: "back" }, element("a", { href: `#feed-${u.stack}-${u.feed}`, textContent: `Back to feed ${u.feed}` })),
    element("h2", { tabIndex: -1, textContent: u.key }), badge(u.state),
    element("p", { className: "from" }, element("code", { textContent: u.source }), ` version ${u.version}, ${time(u.time)} UTC, upload `, element("code", { textContent: u.upload })),
    u.message ? element("p", { className: "note", textContent: u.message }) : null,
    u.error ? element("p", { className: "note", textContent: u.error }) : null,
    element("ul", { className: "facts" },
      fact(size(u.bytes), "size of the file"), fact(number(u.records), "records"), fact(number(u.stored), "stored", u.stored < u.records && u.quarantined === 0 ? "some" : ""),
      fact(number(u.quarantined), "in quarantine", u.quarantined > 0 ? "some" : ""), fact(`${number(u.parts_loaded)}/${number(u.parts)}`, "parts loaded"),
      fact(time(u.started_at) || "-", "started (UTC)"), fact(time(u.unpacked_at) || "-", "unpacked (UTC)"), fact(time(u.loaded_at) || "-", "loaded (UTC)")),
    commands(u.commands), quarantine(u), parts(u), entries(u), records(u),
  ].filter((e) => e !== null);
}

// showUpload reads the upload that a hash names and shows it. It is read once: the
// link reads it again.
export async function showUpload(hash) {
  const [, stack, feed, id] = hash.split("/");
  const shown = byID("upload");
  const back = element("p", { className: "back" }, element("a", { href: `#feed-${stack}-${feed}`, textContent: `Back to feed ${feed}` }));
  shown.replaceChildren(back, element("p", { role: "status", textContent: `Reading upload ${id} …` }));
  let content;
  try {
    const response = await fetch(`upload?${new URLSearchParams({ feed: `${stack}/${feed}`, id })}`);
    content = response.ok ? view(await response.json()) : [back, element("p", { className: "note", role: "alert", textContent: await response.text() }), command(`ingest status ${feed} ${id}`)];
  } catch {
    content = [back, element("p", { className: "note", role: "alert", textContent: "Not connected: is `ingest ui` still running?" })];
  }
  if (location.hash.slice(1) !== hash) return; // another page was opened in the meantime
  shown.replaceChildren(...content);
  shown.querySelector("h2")?.focus();
}
