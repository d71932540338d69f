// Helpers to build elements. Values of a feed are inserted as text, never as HTML.

export const byID = (id) => document.getElementById(id);

// element creates an element. A property with a hyphen, and "role", is an attribute.
export function element(name, properties, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined) continue;
    if (key.includes("-") || key === "role") e.setAttribute(key, value);
    else e[key] = value;
  }
  e.append(...children.flat().filter((c) => c !== null));
  return e;
}

export const number = (n) => n.toLocaleString("en");
export const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many || one + "s"}`;
export const time = (t) => (t && !t.startsWith("0001") ? t.slice(0, 19).replace("T", " ") : "");

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let i = 0;
  for (; bytes >= 1000 && i < units.length - 1; i++) bytes /= 1000;
  return `${bytes >= 100 || i === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[i]}`;
}

export const badge = (state) => element("span", { className: `badge ${state}`, textContent: state });

// command shows a command with a button that copies it.
export const command = (text) => element("span", { className: "command" },
  element("code", { textContent: text }),
  element("button", { type: "button", className: "copy", textContent: "Copy", "aria-label": `Copy ${text}`, "data-copy": text, "data-key": `copy ${text}` }));

export const commands = (all) => all.length === 0 ? null : element("p", { className: "commands" }, all.map(command));

// table creates a table. On a narrow screen each row is a block whose cells have the
// names of their columns, so the roles of the elements are explicit. columns are pairs
// of a name and a class, rows are lists of cells: text, a number, or nodes.
export function table(label, columns, rows) {
  const cell = (value, i) => {
    const [name, className] = columns[i];
    const shown = typeof value === "number" ? number(value) : value;
    return element("td", { role: "cell", className: className || "", "data-name": name }, Array.isArray(shown) ? shown : [shown]);
  };
  return element("table", { role: "table", "aria-label": label },
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" },
      columns.map(([name, className]) => element("th", { role: "columnheader", scope: "col", className: className || "", textContent: name })))),
    element("tbody", { role: "rowgroup" }, rows.map((cells) => element("tr", { role: "row" }, cells.map(cell)))));
}

// fact shows a number with its name.
export const fact = (value, name, className) => element("li", { className: className || "" },
  element("strong", { textContent: value }), element("span", { textContent: name }));
