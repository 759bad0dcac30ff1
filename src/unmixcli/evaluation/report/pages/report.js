"use strict";

// Numbers sort as numbers; what is no number goes last, whichever way.
function sortKey(text) {
  if (text === "–") return null;
  const plain = text.replace("∞", "Infinity");
  return plain !== "" && !Number.isNaN(Number(plain)) ? Number(plain) : text;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), undefined, { numeric: true });
}

function sortBy(table, head, column) {
  const direction = head.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({ row, key: sortKey(row.cells[column].textContent) }));
  rows.sort((one, other) => {
    if (one.key === null || other.key === null) return (one.key === null) - (other.key === null);
    return sign * compare(one.key, other.key);
  });
  body.append(...rows.map(({ row }) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sortBy(table, head, column));
  });
}

const filter = document.getElementById("filter");
filter.parentElement.hidden = false;
filter.addEventListener("input", () => {
  const wanted = filter.value.toLocaleLowerCase();
  let matches = 0;
  document.querySelectorAll(".tall table.sortable").forEach((table, index) => {
    for (const row of table.tBodies[0].rows) {
      const heads = `${row.cells[0].textContent} ${row.cells[1].textContent}`;
      row.hidden = !heads.toLocaleLowerCase().includes(wanted);
      if (index === 0 && !row.hidden) matches += 1;
    }
  });
  document.getElementById("matches").textContent = wanted ? `${matches} found` : "";
});

// One at a time: two stems at once are a third.
document.addEventListener("play", (event) => {
  for (const player of document.querySelectorAll("audio")) {
    if (player !== event.target) player.pause();
  }
}, true);
