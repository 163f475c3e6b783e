"use strict";
// Tables: sort by any column, keep the rows that a word is in, hide columns.
const key = (cell) => {
  const text = cell.textContent.trim();
  const number = parseFloat(text.replace(/,/g, ""));
  return Number.isNaN(number) ? text.toLowerCase() : number;
};
const compare = (a, b) => {
  if (a === "" || b === "") return (a === "") - (b === "");  // what is not known stands last
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
};
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.ariaSort === "descending" || (!head.ariaSort && head.classList.contains("word"));
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
      rows.sort(([a], [b]) => (a === "" || b === "" || up ? compare(a, b) : compare(b, a)));
      body.append(...rows.map(([, row]) => row));
    });
  });
  if (body.rows.length < 6) continue;
  const tools = document.createElement("div");
  tools.className = "tools";
  const find = document.createElement("input");
  find.type = "search";
  find.placeholder = "only rows with …";
  find.setAttribute("aria-label", "Only rows with these letters");
  find.addEventListener("input", () => {
    for (const row of body.rows) {
      row.hidden = !row.textContent.toLowerCase().includes(find.value.toLowerCase());
    }
  });
  const menu = document.createElement("details");
  menu.innerHTML = "<summary>columns</summary><div></div>";
  heads.forEach((head, column) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      for (const row of table.rows) row.cells[column].hidden = !box.checked;
    });
    label.append(box, " ", head.textContent);
    menu.lastElementChild.append(label);
  });
  tools.append(find, menu);
  table.parentElement.before(tools);
}
// #resnet18 leads to that model on the first board that has it.
const seek = () => {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (!wanted || document.getElementById(wanted)) return;
  document.querySelector(`tr[data-model="${CSS.escape(wanted)}"]`)?.scrollIntoView({ block: "center" });
};
addEventListener("hashchange", seek);
seek();
