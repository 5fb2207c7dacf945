"use strict";
// Every text of the run goes into the page as text: through textContent and append(), never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const { images, labels: labelNames } = data;
const NARROW = matchMedia("(max-width: 900px)");
const N_COLORS = 10;
const SVG = "http://www.w3.org/2000/svg";

let chosen = -1; // the image that is looked at
let shown = []; // the images that the filter leaves, in order
let page = 0;
let current = 0; // the place in shown that the keyboard is at

// ---- Helpers

function byId(id) {
  return document.getElementById(id);
}

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function draw(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function format(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e7 ? String(Number(value.toPrecision(4))) : value.toExponential(3);
}

function formatDistance(value) {
  return value >= 1e-4 && value < 1e4 ? value.toPrecision(4) : format(value);
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function labelOf(index) {
  const label = images.labels ? images.labels[index] : -1;
  return label < 0 ? null : labelNames[label];
}

function picture(index, large) {
  const uri = images.thumbnails[index];
  if (!uri) {
    const why = images.problems[index];
    return make("span", { class: "missing", title: why }, large ? why : why.split(":")[0] || "no image");
  }
  const image = make("img", { src: uri, alt: "", decoding: "async" });
  if (images.sizes[index] && Math.max(...images.sizes[index]) <= 64) image.classList.add("pixels");
  return image;
}

function name(index) {
  return make("bdi", { class: "name", title: images.names[index] }, images.names[index]);
}

// ---- The images to choose from

function pageSize() {
  return NARROW.matches ? 24 : 60;
}

function filterImages() {
  const words = byId("find").value.toLowerCase();
  const label = byId("label").value;
  const order = byId("order").value;
  shown = [...images.names.keys()].filter((index) => {
    if (label !== "" && images.labels[index] !== Number(label)) return false;
    const text = `${images.names[index]}\n${labelOf(index) ?? ""}`.toLowerCase();
    return text.includes(words);
  });
  const nearest = (index) => data.nearest.distances[index][0] ?? 0;
  if (order === "name") shown.sort((a, b) => (images.names[a] < images.names[b] ? -1 : 1));
  if (order === "near") shown.sort((a, b) => nearest(a) - nearest(b));
  if (order === "far") shown.sort((a, b) => nearest(b) - nearest(a));
  page = 0;
  current = 0;
  showPage();
}

function showPage() {
  const size = pageSize();
  const first = page * size;
  const tiles = shown.slice(first, first + size).map((index, place) => {
    const label = labelOf(index);
    const tile = make(
      "button",
      {
        type: "button",
        class: "tile",
        role: "option",
        "aria-selected": String(index === chosen),
        "aria-label": images.names[index] + (label === null ? "" : `, label ${label}`),
        tabindex: first + place === current ? 0 : -1,
        "data-index": index,
      },
      picture(index),
      make("bdi", { class: "caption", title: images.names[index] }, label ?? images.names[index]),
    );
    return tile;
  });
  byId("grid").replaceChildren(...tiles);
  const of = shown.length === images.names.length ? "" : ` of ${format(images.names.length)}`;
  byId("count").textContent = shown.length
    ? `${format(shown.length)}${of} images; ${format(first + 1)} to ${format(first + tiles.length)} on this page`
    : `No image${of} matches.`;
  showPager(byId("pager"), page, Math.ceil(shown.length / size), (number) => {
    page = number;
    current = number * pageSize();
    showPage();
  });
}

function showPager(place, number, count, go) {
  place.replaceChildren();
  if (count < 2) return;
  const button = (text, to, title) => {
    const node = make("button", { type: "button", "aria-label": title, disabled: to < 0 || to >= count || to === number ? "" : null }, text);
    node.addEventListener("click", () => go(to));
    return node;
  };
  place.append(
    button("«", 0, "First page"),
    button("‹", number - 1, "Previous page"),
    make("span", {}, `page ${format(number + 1)} of ${format(count)}`),
    button("›", number + 1, "Next page"),
    button("»", count - 1, "Last page"),
  );
}

function moveTo(place) {
  current = Math.min(Math.max(place, 0), shown.length - 1);
  const wanted = Math.floor(current / pageSize());
  if (wanted !== page) {
    page = wanted;
    showPage();
  }
  const tiles = [...byId("grid").children];
  tiles.forEach((tile, index) => tile.setAttribute("tabindex", index === current % pageSize() ? 0 : -1));
  tiles[current % pageSize()]?.focus();
}

function handleKey(event) {
  const tiles = [...byId("grid").children];
  const across = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
  const size = pageSize();
  const steps = {
    ArrowRight: current + 1,
    ArrowLeft: current - 1,
    ArrowDown: current + across,
    ArrowUp: current - across,
    Home: page * size,
    End: page * size + tiles.length - 1,
    PageDown: current + size,
    PageUp: current - size,
  };
  if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  moveTo(steps[event.key]);
}

// ---- The image that is chosen

function choose(index) {
  // The address keeps it, so that the browser goes back to the image before.
  const wanted = `#image=${images.places[index]}`;
  if (location.hash === wanted) showChosen(index);
  else location.hash = wanted;
}

function readAddress() {
  const found = /^#image=(\d+)$/.exec(location.hash);
  const index = found ? images.places.indexOf(Number(found[1])) : -1;
  if (index >= 0) showChosen(index);
  return index >= 0;
}

function showChosen(index) {
  const inDetail = byId("detail").contains(document.activeElement);
  const isFirst = chosen < 0;
  chosen = index;
  for (const tile of byId("grid").children) {
    tile.setAttribute("aria-selected", String(Number(tile.dataset.index) === index));
  }
  const title = make("h3", { tabindex: -1 }, name(index));
  byId("detail").replaceChildren(
    make("div", { class: "query" }, make("div", { class: "large" }, picture(index, true)), make("div", {}, title, describe(index))),
    ...showNeighbors("Nearest", data.nearest, index),
    ...showNeighbors("Farthest", data.farthest, index),
  );
  markMap();
  if (isFirst) return;
  byId("announcement").textContent = `${images.names[index]} and its neighbors`;
  if (inDetail) title.focus({ preventScroll: true });
  if (NARROW.matches) byId("detail").scrollIntoView({ block: "start" });
}

function describe(index) {
  const size = images.sizes[index];
  const facts = [
    ["label", labelOf(index)],
    ["index", format(images.places[index])],
    ["pixels", size ? `${size[0]} × ${size[1]}, ${images.kinds[index]}` : null],
    ["no picture", images.problems[index] || null],
    ["note", images.messages[index] || null],
  ].filter(([, value]) => value !== null);
  return list(facts);
}

function list(facts) {
  return make("dl", { class: "facts" }, ...facts.flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, make("bdi", {}, value))]));
}

function showNeighbors(title, found, index) {
  const indices = found.indices[index];
  if (!indices.length) return [];
  const own = labelOf(index);
  const same = indices.filter((other) => own !== null && labelOf(other) === own).length;
  const cards = indices.map((other, rank) => {
    const label = labelOf(other);
    const isSame = own !== null && label === own;
    const distance = formatDistance(found.distances[index][rank]);
    const card = make(
      "button",
      {
        type: "button",
        class: isSame ? "card same" : "card",
        "data-index": other,
        title: images.names[other],
        "aria-label": `${images.names[other]}, distance ${distance}${label === null ? "" : `, ${isSame ? "same label" : "label"} ${label}`}`,
      },
      picture(other),
      make("span", { class: "distance" }, distance),
      make("bdi", { class: "caption" }, label === null ? images.names[other] : `${isSame ? "✓ " : ""}${label}`),
    );
    card.addEventListener("click", () => choose(other));
    return card;
  });
  const counted = own === null ? null : make("span", { class: "muted" }, ` ${same} of ${indices.length} have its label`);
  return [
    make("h4", {}, title, counted),
    make("div", { class: "cards", role: "group", "aria-label": title }, ...cards),
  ];
}

// ---- The map

const points = [];

function colorOf(index) {
  const label = images.labels ? images.labels[index] : -1;
  const rank = data.colored.indexOf(label);
  return rank < 0 ? (images.labels ? "other" : "c0") : `c${rank}`;
}

function showMap() {
  const map = data.map;
  if (!map) {
    byId("map-text").textContent = "The rows shown do not spread in a plane.";
    return;
  }
  byId("map-text").textContent =
    `The rows shown, along their first two principal components, which hold ${percent(map.shares[0])} and ` +
    `${percent(map.shares[1])} of the variance. A click chooses an image.`;
  const [width, height, margin] = [900, 480, 14];
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Map of the images" });
  const scale = (values, length) => {
    // A call takes only so many arguments, fewer than there may be images.
    const low = values.reduce((a, b) => Math.min(a, b));
    const high = values.reduce((a, b) => Math.max(a, b));
    return (value) => margin + ((value - low) / (high - low || 1)) * (length - 2 * margin);
  };
  const x = scale(map.x, width);
  const y = scale(map.y, height);
  map.x.forEach((value, index) => {
    const point = draw("circle", { cx: x(value).toFixed(1), cy: (height - y(map.y[index])).toFixed(1), r: 4, class: `point ${colorOf(index)}`, "data-index": index });
    points.push(point);
    svg.append(point);
  });
  svg.addEventListener("click", (event) => {
    if (event.target.dataset.index) choose(Number(event.target.dataset.index));
  });
  svg.addEventListener("pointerover", (event) => showTip(event));
  svg.addEventListener("pointerout", () => (byId("tip").hidden = true));
  byId("map").append(svg);
  if (images.labels) {
    const named = data.colored.map((label, rank) => make("li", {}, make("span", { class: `dot c${rank}` }), make("bdi", {}, labelNames[label])));
    const others = data.colored.length < labelNames.length || images.labels.includes(-1);
    byId("legend").append(...named, ...(others ? [make("li", {}, make("span", { class: "dot other" }), "others")] : []));
  }
}

function showTip(event) {
  const index = event.target.dataset.index;
  if (index === undefined) return;
  const tip = byId("tip");
  tip.replaceChildren(picture(Number(index)), make("bdi", { class: "caption" }, images.names[index]), make("bdi", { class: "caption" }, labelOf(Number(index)) ?? ""));
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
}

function markMap() {
  if (!points.length) return;
  const near = new Set(data.nearest.indices[chosen]);
  points.forEach((point, index) => {
    point.classList.toggle("chosen", index === chosen);
    point.classList.toggle("near", near.has(index));
    point.setAttribute("r", index === chosen ? 8 : near.has(index) ? 6 : 4);
  });
  // What is drawn last lies on top.
  const svg = points[chosen].parentNode;
  near.forEach((index) => svg.append(points[index]));
  svg.append(points[chosen]);
}

// ---- Tables

// columns: [title, value of a row, how it is written (format) or null for texts, what it is sorted by if not its value]
function showTable(place, title, columns, rows, { size = 15, find = null } = {}) {
  if (!rows.length) return;
  let found = rows;
  let number = 0;
  let sorted = null;
  let sign = 1;
  const body = make("tbody");
  const pager = make("div", { class: "pager" });
  const heads = columns.map(([text, value, write, rank], column) => {
    const button = make("button", { type: "button" }, text);
    const head = make("th", { scope: "col", class: write ? "number" : null }, button);
    button.addEventListener("click", () => {
      sign = sorted === column ? -sign : write ? -1 : 1;
      sorted = column;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const key = (row) => (rank ?? value)(row) ?? -Infinity;
      found = [...found].sort((a, b) => (key(a) < key(b) ? -sign : key(a) > key(b) ? sign : 0));
      number = 0;
      update();
    });
    return head;
  });
  function update() {
    body.replaceChildren(
      ...found.slice(number * size, (number + 1) * size).map((row) =>
        make("tr", {}, ...columns.map(([, value, write]) => make("td", { class: write ? "number" : null }, write ? write(value(row)) : make("bdi", {}, String(value(row)))))),
      ),
    );
    showPager(pager, number, Math.ceil(found.length / size), (to) => {
      number = to;
      update();
    });
  }
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
  place.append(make("h3", {}, title));
  if (find && rows.length > size) {
    const input = make("input", { type: "search", autocomplete: "off", "aria-label": `Find in ${title}`, placeholder: find });
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase();
      found = rows.filter((row) => columns.some(([, value, write]) => !write && String(value(row)).toLowerCase().includes(words)));
      number = 0;
      update();
    });
    place.append(make("div", { class: "tools" }, make("label", { class: "wide" }, "Find ", input)));
  }
  place.append(make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table), pager);
  update();
}

function showStatistics() {
  const numbers = ["mean", "std", "min", "max", "zeros", "not finite"];
  const moments = (from) => numbers.map((key, place) => [key, (row) => row[place + from], format]);
  showTable(byId("families"), "Families of columns", [["columns that begin with", (row) => row[0]], ["columns", (row) => row[1], format], ["constant", (row) => row[2], format], ...moments(3)], data.families);
  const titles = data.columnsLeftOut ? `Columns, the first ${format(data.columns.length)}` : "Columns";
  showTable(byId("columns"), titles, [["column", (row) => row[0]], ...moments(1), ["constant", (row) => (row[7] ? "constant" : "")]], data.columns, { find: "a part of a name" });
  const places = new Map(data.classOrder.map((label, place) => [label, place]));
  showTable(byId("classes"), "Labels", [["label", (row) => row[0], null, (row) => places.get(row[0])], ["images", (row) => row[1], format], ["share", (row) => row[1] / data.labelled, percent], ["failed", (row) => row[2], format]], data.classes, { size: 12, find: "a part of a label" });
  if (data.agreement) {
    data.facts.push(["nearest has the same label", percent(data.agreement[0])], ["any other has, on average", percent(data.agreement[1])]);
  }
  if (data.facts.length) byId("facts").append(make("h3", {}, "Images and neighbors"), list(data.facts));
  showHistogram();
}

function showHistogram() {
  if (!data.distances) return;
  const { counts, edges } = data.distances;
  const [width, height, bottom] = [420, 200, 22];
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Histogram of the distances to the nearest image" });
  const most = Math.max(...counts);
  const step = width / counts.length;
  counts.forEach((count, bin) => {
    const tall = (count / most) * (height - bottom - 4);
    const bar = draw("rect", { x: (bin * step + 0.5).toFixed(1), y: (height - bottom - tall).toFixed(1), width: (step - 1).toFixed(1), height: tall.toFixed(1), class: "bar" });
    bar.append(draw("title", {}, `${format(count)} images: ${format(edges[bin])} to ${format(edges[bin + 1])}`));
    svg.append(bar);
  });
  svg.append(draw("line", { x1: 0, x2: width, y1: height - bottom, y2: height - bottom, class: "axis" }));
  svg.append(draw("text", { x: 0, y: height - 6 }, format(edges[0])));
  svg.append(draw("text", { x: width / 2, y: height - 6, "text-anchor": "middle" }, "distance"));
  svg.append(draw("text", { x: width, y: height - 6, "text-anchor": "end" }, format(edges[edges.length - 1])));
  byId("distances").append(make("h3", {}, "Distance to the nearest image"), svg);
}

function showErrors() {
  const { codes, rows, total } = data.errors;
  byId("errors-text").textContent = total
    ? `${format(total)} images have no features${rows.length < total ? `; the first ${format(rows.length)} are listed${data.errors.ofRun ? ", errors.csv of the run has all" : ""}` : ""}.`
    : data.errors.known ? "None." : "The features do not tell of images that failed.";
  showTable(byId("codes"), "Codes", [["code", (row) => row[0]], ["images", (row) => row[1], format]], codes);
  showTable(byId("failures"), "Images", [["index", (row) => row[0], format], ["name", (row) => row[1]], ["code", (row) => row[2]], ["message", (row) => row[3]]], rows, { find: "a part of a name, code or message", size: 20 });
}

// ---- The page

function showHeader() {
  byId("subtitle").textContent = data.subtitle;
  byId("summary").append(...data.summary.map(([key, value]) => make("div", {}, make("dt", {}, key), make("dd", {}, make("bdi", {}, value)))));
  byId("notes").append(...data.notes.map((note) => make("li", {}, note)));
  byId("sections").append(...data.about.map(([title, facts]) => make("section", {}, make("h3", {}, title), list(facts))));
}

function start() {
  showHeader();
  showMap();
  showStatistics();
  showErrors();
  if (images.labels) {
    labelNames.forEach((text, label) => byId("label").append(make("option", { value: label }, text)));
  } else byId("label-choice").hidden = true;
  filterImages();
  byId("find").addEventListener("input", filterImages);
  for (const id of ["label", "order"]) byId(id).addEventListener("change", filterImages);
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("grid").addEventListener("keydown", handleKey);
  byId("grid").addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    moveTo(page * pageSize() + [...byId("grid").children].indexOf(tile));
    choose(Number(tile.dataset.index));
  });
  addEventListener("hashchange", readAddress);
  NARROW.addEventListener("change", () => {
    page = Math.floor(current / pageSize());
    showPage();
  });
  if (!readAddress() && shown.length) showChosen(shown[0]);
  document.documentElement.dataset.ready = "yes";
}

start();
