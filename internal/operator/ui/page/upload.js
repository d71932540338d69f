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

// versionsLink leads to the records with the key of a record.
export const versionsLink = (v, key) => element("a", { href: `#versions/${[v.stack, v.feed, ...key].map(encodeURIComponent).join("/")}`, textContent: key.join(", "), title: "All versions with this key" });

function records(u) {
  const keyed = u.record_list.some((r) => r.key);
  const columns = [["Entry", "key"], ["Ordinal", "number"], ...(keyed ? [["Key", "key"]] : []), ["Data", "raw"]];
  const rows = u.record_list.map((r) => [r.entry, r.ordinal, ...(keyed ? [r.key ? [versionsLink(u, r.key)] : "none"] : []), element("code", { textContent: r.data })]);
  return section(rows.length < u.stored ? `First ${rows.length} of ${plural(u.stored, "stored record")}` : plural(u.stored, "stored record"),
    rows.length === 0 ? none("No record is stored.") : table("Records", columns, rows));
}

function view(u) {
  return [
    element("p", { className: "back" }, element("a", { href: `#feed-${u.stack}-${u.feed}`, textContent: `Back to feed ${u.feed}` })),
    element("h2", { tabIndex: -1, textContent: u.key }), badge(u.state),
    element("p", { className: "from" }, element("code", { textContent: u.source }), ` version ${u.version}, ${time(u.time)} UTC, upload `, element("code", { textContent: u.upload })),
    u.message ? element("p", { className: "note", textContent: u.message }) : null,
    u.error ? element("p", { className: "note", textContent: u.error }) : null,
    element("ul", { className: "facts" },
      fact(size(u.bytes), "size of the file"), fact(number(u.records), "records"), fact(number(u.stored), "stored", u.stored < u.records - (u.filtered ?? 0) && u.quarantined === 0 ? "some" : ""),
      fact(number(u.quarantined), "in quarantine", u.quarantined > 0 ? "some" : ""), ...(u.filtered ? [fact(number(u.filtered), "filtered")] : []), fact(`${number(u.parts_loaded)}/${number(u.parts)}`, "parts loaded"),
      fact(time(u.started_at) || "-", "started (UTC)"), fact(time(u.unpacked_at) || "-", "unpacked (UTC)"), fact(time(u.loaded_at) || "-", "loaded (UTC)")),
    commands(u.commands), quarantine(u), parts(u), entries(u), records(u),
  ].filter((e) => e !== null);
}

function versions(v) {
  const rows = v.version_list.map((r) => [
    // Another feed that shares the key may be in another stack.
    r.feed === v.feed ? [element("a", { href: `#upload/${v.stack}/${v.feed}/${r.upload}`, textContent: r.source })] : `${r.source} (feed ${r.feed})`, r.entry, r.ordinal, element("code", { textContent: r.data }),
  ]);
  const name = v.more ? `The newest ${rows.length} versions` : plural(rows.length, "version");
  return [
    element("p", { className: "back" }, element("a", { href: `#feed-${v.stack}-${v.feed}`, textContent: `Back to feed ${v.feed}` })),
    element("h2", { tabIndex: -1, textContent: v.fields.map((field, i) => `${field} ${v.key[i]}`).join(", ") }),
    commands(v.commands),
    section(name, rows.length === 0 ? none("No record has this key.") : table("Versions", [["File", "key"], ["Entry", "key"], ["Ordinal", "number"], ["Data", "raw"]], rows)),
  ];
}

// showVersions reads the records with the key that a hash names and shows them.
export async function showVersions(hash) {
  const [stack, feed, ...key] = hash.split("/").slice(1).map(decodeURIComponent);
  const query = new URLSearchParams({ feed: `${stack}/${feed}` });
  for (const value of key) query.append("key", value);
  const failed = (text) => [command(`ingest records ${feed} --key …`), element("p", { className: "note", role: "alert", textContent: text })];
  await showPage(hash, stack, feed, "Reading the versions …", `versions?${query}`, versions, failed);
}

// showUpload reads the upload that a hash names and shows it. It is read once: the
// link reads it again.
export async function showUpload(hash) {
  const [, stack, feed, id] = hash.split("/");
  const failed = (text) => [element("p", { className: "note", role: "alert", textContent: text }), command(`ingest status ${feed} ${id}`)];
  await showPage(hash, stack, feed, `Reading upload ${id} …`, `upload?${new URLSearchParams({ feed: `${stack}/${feed}`, id })}`, view, failed);
}

// showPage shows what is read from a path, unless another page was opened in the meantime.
async function showPage(hash, stack, feed, status, path, view, failed) {
  const shown = byID("upload");
  const back = element("p", { className: "back" }, element("a", { href: `#feed-${stack}-${feed}`, textContent: `Back to feed ${feed}` }));
  shown.replaceChildren(back, element("p", { role: "status", textContent: status }));
  let content;
  try {
    const response = await fetch(path);
    content = response.ok ? view(await response.json()) : [back, ...failed(await response.text())];
  } catch {
    content = [back, element("p", { className: "note", role: "alert", textContent: "Not connected: is `ingest ui` still running?" })];
  }
  if (location.hash.slice(1) !== hash) return; // another page was opened in the meantime
  shown.replaceChildren(...content);
  shown.querySelector("h2")?.focus();
}
