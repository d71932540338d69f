// The pictures of the flow over time.
import { byID, element, number, size, table, time } from "./dom.js";

// bars draws a bar per hour, of values stacked from below. Each value has a class.
function bars(hours, values, describe) {
  const svg = byID("picture").content.firstElementChild.cloneNode(true);
  const height = 60;
  svg.setAttribute("viewBox", `0 0 ${hours.length} ${height}`);
  svg.setAttribute("aria-hidden", "true");
  const largest = Math.max(1, ...hours.map((h) => values.reduce((sum, [of]) => sum + of(h), 0)));
  hours.forEach((h, i) => {
    let top = height;
    const group = document.createElementNS(svg.namespaceURI, "g");
    const title = document.createElementNS(svg.namespaceURI, "title");
    title.textContent = describe(h);
    group.append(title);
    const rect = (y, tall, className) => {
      const r = document.createElementNS(svg.namespaceURI, "rect");
      for (const [name, value] of Object.entries({ x: i + 0.1, y, width: 0.8, height: tall, class: className })) r.setAttribute(name, value);
      group.append(r);
    };
    rect(0, height, "hour");
    for (const [of, className] of values) {
      if (of(h) === 0) continue;
      const tall = Math.max(1.5, of(h) / largest * height);
      top -= tall;
      rect(Math.max(0, top), tall, className);
    }
    svg.firstElementChild.append(group);
  });
  return { svg, largest };
}

const records = [[(h) => h.stored, "stored"], [(h) => h.quarantined, "quarantined"]];
const bytes = [[(h) => h.bytes, "stored"]];
const at = (h) => time(h.start).slice(0, 16);
const inHour = (h) => `${at(h)} UTC: ${number(h.stored)} stored, ${number(h.quarantined)} in quarantine, ${size(h.bytes)}`;

// spark draws the records per hour in a line of the list.
export function spark(hours) {
  const picture = element("span", { className: "spark", "aria-hidden": "true" });
  if (hours.some((h) => h.stored + h.quarantined > 0)) picture.append(bars(hours, records, inHour).svg);
  return picture;
}

// flow draws records and bytes per hour, with a table for those who cannot see it.
export function flow(feed) {
  const active = feed.hours.filter((h) => h.stored + h.quarantined + h.bytes > 0);
  const heading = element("h3", { textContent: `Loaded in the last ${feed.hours.length} hours` });
  if (active.length === 0) return element("section", { className: "history" }, heading, element("p", { className: "none", textContent: "Nothing." }));
  const drawn = [["Records per hour", records, number], ["Bytes per hour", bytes, size]].map(([name, values, format]) => {
    const { svg, largest } = bars(feed.hours, values, inHour);
    return element("figure", {}, element("figcaption", { textContent: `${name}, at most ${format(largest)}` }), svg,
      element("p", { className: "axis", "aria-hidden": "true" }, element("span", { textContent: at(feed.hours[0]) }), element("span", { textContent: `${at(feed.hours.at(-1))} UTC` })));
  });
  const rows = active.toReversed().map((h) => [at(h), h.stored, h.quarantined, size(h.bytes)]);
  return element("section", { className: "history" }, heading,
    element("div", { className: "pictures" }, drawn),
    element("p", { className: "legend", "aria-hidden": "true" }, element("span", { className: "stored", textContent: "stored" }), element("span", { className: "quarantined", textContent: "in quarantine" })),
    element("details", { "data-open": "hours" }, element("summary", { textContent: "Hours as a table", "data-key": "hours" }),
      table(`Hours of ${feed.feed}`, [["Hour (UTC)", "time"], ["Stored", "number"], ["Quarantined", "number"], ["Size of the files", "number"]], rows)));
}
