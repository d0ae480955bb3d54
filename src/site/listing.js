// The page is whole without this script. It sorts and filters in place, shows times in the
// reader's zone, and follows files that grow. Part of the binary: the Content-Security-Policy
// names its hash. A name becomes text or part of a link here, never markup.
"use strict";
(() => {
  const columns = ["name", "size", "time"];
  const headings = [...document.querySelectorAll("thead th")];
  const body = document.getElementById("entries");
  const filter = document.getElementById("filter");
  const entries = new Map(); // by link, which tells names apart that look the same

  // --- texts: size and key as in listing_text.cc, the summary as in listing_page.cc

  function sizeText(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let value = bytes;
    let unit = 0;
    for (; value >= 1023.5; value /= 1024) unit += 1;
    const tenths = unit > 0 && value < 99.95;
    const text = tenths ? (Math.floor(value * 10 + 0.5) / 10).toFixed(1) : Math.floor(value + 0.5);
    return `${text} ${units[unit]}`;
  }

  function naturalKey(name) {
    const lower = name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    return lower.replace(/[0-9]+/g, (digits) => {
      const number = digits.replace(/^0+/, "");
      return "9".repeat(Math.floor(number.length / 9)) + (number.length % 9) + number;
    });
  }

  function timeText(time) {
    const date = new Date(time);
    const two = (number) => String(number).padStart(2, "0");
    const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
    return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
  }

  function count(number, noun) {
    return `${number} ${noun}${number === 1 ? "" : "s"}`;
  }

  function say(text) {
    document.getElementById("status").textContent = text;
  }

  // --- the entries, and the rows that show them

  function readRow(row) {
    const link = row.querySelector("a");
    const directory = row.classList.contains("folder");
    const name = directory ? link.textContent.slice(0, -1) : link.textContent;
    return {
      row, name, directory,
      key: naturalKey(name),
      size: Number(row.querySelector("data")?.value ?? 0),
      time: row.querySelector("time").dateTime,
      growing: row.querySelector(".growing") !== null,
    };
  }

  function element(tag, parent, text = "") {
    const made = parent.appendChild(document.createElement(tag));
    made.textContent = text;
    return made;
  }

  function makeRow(item) {
    const directory = item.type === "directory";
    const row = document.createElement("tr");
    const heading = element("th", row);
    heading.scope = "row";
    element("a", heading, directory ? `${item.name}/` : item.name).setAttribute("href", item.href);
    if (directory) row.className = "folder";
    const size = element("td", row);
    if (!directory) element("data", size).value = "0";
    element("time", element("td", row));
    return row;
  }

  // Gives whether anything changed. Touches only what did. `news`: what to say about it.
  function show(entry, item, news) {
    const { size = 0, growing = false, modified } = item;
    const mark = growing !== entry.growing;
    if (size === entry.size && modified === entry.time && !mark) return false;
    Object.assign(entry, { size, growing, time: modified });
    const time = entry.row.querySelector("time");
    time.dateTime = modified;
    time.textContent = timeText(modified);
    if (entry.directory) return true;
    const data = entry.row.querySelector("data");
    data.value = String(size);
    data.textContent = sizeText(size);
    if (!mark) return true;
    entry.row.classList.toggle("live", growing);
    if (growing) {
      element("span", entry.row.cells[0], " growing").className = "growing";
    } else {
      entry.row.querySelector(".growing").remove();
    }
    news.push(`${entry.name} is ${growing ? "growing" : `complete, ${sizeText(size)}`}`);
    return true;
  }

  function removeRow(row) {
    if (row.contains(document.activeElement)) {
      const neighbour = row.nextElementSibling ?? row.previousElementSibling;
      (neighbour?.querySelector("a") ?? filter).focus({ preventScroll: true });
    }
    row.remove();
  }

  function update(items) {
    const gone = new Set(entries.keys());
    const news = [];
    let changed = false;
    for (const item of items) {
      gone.delete(item.href);
      if (!entries.has(item.href)) entries.set(item.href, readRow(makeRow(item)));
      changed = show(entries.get(item.href), item, news) || changed;
    }
    for (const link of gone) {
      removeRow(entries.get(link).row);
      entries.delete(link);
    }
    if (changed || gone.size > 0) arrange();
    if (news.length > 0) say(news.join(". "));
  }

  // --- order and filter

  function order() {
    const current = headings.find((heading) => heading.hasAttribute("aria-sort"));
    return {
      column: columns[headings.indexOf(current)],
      descending: current.getAttribute("aria-sort") === "descending",
    };
  }

  function compareText(a, b) {
    return a < b ? -1 : Number(a > b);
  }

  // As sort_entries in listing_entries.cc.
  function comparison({ column, descending }) {
    const sign = descending ? -1 : 1;
    const byName = (a, b) => compareText(a.key, b.key) || compareText(a.name, b.name);
    const by = {
      name: byName,
      size: (a, b) => a.size - b.size,
      time: (a, b) => compareText(a.time, b.time),
    }[column];
    return (a, b) => b.directory - a.directory || sign * by(a, b) || byName(a, b);
  }

  function place(all) {
    if (all.every(({ row }, index) => row === body.rows[index])) return;
    const focused = document.activeElement;
    const table = body.parentNode;
    body.remove(); // ten thousand rows move faster out of sight
    for (const { row } of all) body.append(row);
    table.append(body);
    if (document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  // Puts the rows in order, shows those that match, and counts.
  function arrange() {
    const all = [...entries.values()].sort(comparison(order()));
    place(all);
    const wanted = filter.value.toLowerCase();
    for (const { row, name } of all) row.hidden = !name.toLowerCase().includes(wanted);
    document.getElementById("empty").hidden = all.length > 0;
    summarize(all, wanted !== "");
  }

  function summarize(all, filtered) {
    const folders = all.filter((entry) => entry.directory).length;
    const bytes = all.reduce((sum, entry) => sum + entry.size, 0);
    const files = all.length - folders;
    const parts = [];
    if (folders > 0) parts.push(count(folders, "folder"));
    if (folders === 0 || files > 0) parts.push(count(files, "file"));
    if (bytes > 0) parts.push(sizeText(bytes));
    const shown = all.filter((entry) => !entry.row.hidden).length;
    document.getElementById("summary").textContent =
      filtered ? `${shown} of ${all.length} shown` : parts.join(", ");
  }

  function sortBy(column) {
    const before = order();
    const descending = before.column === column ? !before.descending : column !== "name";
    for (const heading of headings) heading.removeAttribute("aria-sort");
    const direction = descending ? "descending" : "ascending";
    headings[columns.indexOf(column)].setAttribute("aria-sort", direction);
    arrange();
    history.replaceState(null, "", `?sort=${column}&order=${descending ? "desc" : "asc"}`);
    say(`Sorted by ${column}, ${direction}`);
  }

  // --- growing files: ask once a second, while somebody looks and something grows

  const pauseMin = 1000; // milliseconds; longer where an answer takes its time, or fails
  const pauseMax = 60000;
  let pause = pauseMin;
  let timer = 0;
  let asking = false;

  function schedule() {
    clearTimeout(timer);
    const growing = [...entries.values()].some((entry) => entry.growing);
    if (growing && !asking && !document.hidden) timer = setTimeout(ask, pause);
  }

  // "?live" keeps the answer away from the page's own place in the browser's cache.
  async function ask() {
    asking = true;
    const begin = performance.now();
    try {
      const headers = { Accept: "application/json" };
      const answer = await fetch("?live", { headers, cache: "no-cache" });
      if (!answer.ok) throw new Error(answer.statusText);
      update((await answer.json()).entries);
      pause = Math.max(pauseMin, 4 * (performance.now() - begin));
    } catch {
      pause = Math.min(2 * pause, pauseMax);
    }
    asking = false;
    schedule();
  }

  // --- start

  for (const row of body.rows) {
    const entry = readRow(row);
    entries.set(row.querySelector("a").getAttribute("href"), entry);
    row.querySelector("time").textContent = timeText(entry.time);
  }
  document.querySelector("thead small").remove(); // it says UTC

  headings.forEach((heading, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent.trim();
    button.addEventListener("click", () => sortBy(columns[index]));
    heading.replaceChildren(button);
  });

  filter.hidden = false;
  filter.addEventListener("input", () => {
    arrange();
    say(document.getElementById("summary").textContent);
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Enter") body.querySelector("tr:not([hidden]) a")?.click();
    if (event.key !== "Escape") return;
    filter.value = "";
    arrange();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.activeElement === filter) return;
    event.preventDefault();
    filter.focus();
  });
  if (filter.value !== "") arrange(); // kept by the browser over a reload

  document.addEventListener("visibilitychange", schedule);
  schedule();
})();
