// The pictures behind every number. All answers are in #answers, see explorer.py.
const at = (id) => document.getElementById(id);
const make = (tag, text = "", more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);
const number = (n) => n.toLocaleString("en");
const percent = (share, digits = 1) => (Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "–");
const FIRST = 0x100, LEVELS = 60, AT_ONCE = 24, FEW = 50;
const unpack = async () => {
  const bytes = Uint8Array.from(atob(at("answers").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
};
const code = (text, i) => text.charCodeAt(i) - FIRST;
const sure = (text, i) => 1 - (1 - code(text, i) / LEVELS) ** 2;
// Wilson's interval, each person counting as Kish's effective number says; as intervals.py has it.
const interval = (share, n) => {
  const z = 1.959964, middle = share + (z * z) / (2 * n), half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return [middle - half, middle + half].map((end) => end / (1 + (z * z) / n));
};
const effective = (people) => {
  const times = new Map();
  for (const person of people) times.set(person, (times.get(person) ?? 0) + 1);
  const counts = [...times.values()];
  return [counts.reduce((a, b) => a + b, 0) ** 2 / counts.reduce((a, b) => a + b * b, 0), times.size];
};

const begin = (data) => {
  let board, test, set, one, other, chosen, listed = [], open = AT_ONCE;
  const options = (select, names, first) => {
    const before = select.value;
    select.replaceChildren(...(first === undefined ? [] : [make("option", first, { value: "" })]),
      ...names.map(([value, name]) => make("option", name, { value })));
    if ([...select.options].some((each) => each.value === before)) select.value = before;
  };
  const repeats = (model) => (at("repeat").value === "" ? model.said.map((_, i) => i) : [+at("repeat").value].filter((i) => i < model.said.length));
  const right = (model, i) => repeats(model).filter((r) => code(model.said[r], i) === code(test.labels, i)).length;
  const name = (model) => `${model.name}`;
  const ids = () => {
    const of = at("class").value, file = at("file").value.toLowerCase(), person = at("person").value;
    const by = at("by").value, grey = at("grey").value, low = at("surest").value / 100, high = at("least").value / 100;
    const kept = [];
    test.rows.forEach((row, i) => {
      if (of !== "" && code(test.labels, i) !== +of) return;
      if (file && !(set.files[row] ?? "").toLowerCase().includes(file)) return;
      if (person !== "" && test.people[i] !== +person) return;
      if (by && set.pictures.contributors[row] !== by) return;
      if (+at("side").value && set.pictures.sides[row] < +at("side").value) return;
      if (at("found").value && set.pictures.found[row] !== +at("found").value) return;
      if (grey && set.pictures.grey[row] !== +grey) return;
      if (low > 0 || high < 1) {
        const mean = repeats(one).reduce((sum, r) => sum + sure(one.sure[r], i), 0) / repeats(one).length;
        if (mean < low || mean > high) return;
      }
      kept.push(i);
    });
    return kept;
  };
  const confusion = (model, kept) => {
    const n = set.classes.length, counts = Array.from({ length: n }, () => new Array(n).fill(0));
    for (const r of repeats(model)) for (const i of kept) counts[code(test.labels, i)][code(model.said[r], i)] += 1;
    return counts;
  };

  const chooseBoard = () => {
    board = data.boards[+at("board").value];
    test = data.tests[board.test];
    set = data.sets[board.of];
    const models = board.models.map((model, i) => [i, `${model.name} (${model.kind}): ${model.score}`]);
    at("inside").style.setProperty("--sheet", set.pictures.sheet ? `url(${set.pictures.sheet})` : "none");
    options(at("one"), models);
    options(at("other"), models, "none");
    options(at("class"), set.classes.map((each, i) => [i, each]), "any");
    options(at("by"), [...new Set(test.rows.map((row) => set.pictures.contributors[row]).filter(Boolean))].sort().map((each) => [each, each]), "anybody");
    at("by").parentElement.hidden = !set.pictures.contributors.length;
    at("grey").parentElement.hidden = !set.pictures.grey.some((each) => each);
    at("side").parentElement.hidden = !set.pictures.sides.length;
    at("found").parentElement.hidden = !set.pictures.found.length;
    at("person").parentElement.hidden = !test.people.length;
    at("file").parentElement.hidden = !Object.keys(set.files).length;
    chooseModels();
  };
  const chooseModels = () => {
    one = board.models[+at("one").value];
    other = at("other").value === "" ? null : board.models[+at("other").value];
    if (other === one) { other = null; at("other").value = ""; }
    const several = Math.max(one.said.length, other?.said.length ?? 1);
    options(at("repeat"), [...Array(several).keys()].map((i) => [i, `${i + 1}`]), several > 1 ? "all together" : "the only one");
    options(at("cells"), [["counts", "counts"], ["shares", "shares of the true class"], ...(other ? [["difference", "model less second model"]] : [])]);
    chosen = null;
    draw();
  };
  const draw = () => {
    const kept = ids();
    summary(kept);
    verdict(kept);
    matrix(kept);
    byClass(kept);
    reliability(kept);
    learnt();
    list(kept);
  };
  const summary = (kept) => {
    const filtered = kept.length < test.rows.length;
    const answers = kept.length * repeats(one).length;
    const share = kept.reduce((sum, i) => sum + right(one, i), 0) / answers;
    const people = kept.map((i) => test.people[i] ?? i), [n, persons] = effective(people);
    const of = test.people.length ? ` of ${number(persons)} people` : "";
    let text = `${number(kept.length)} pictures${of}: `;
    if (!kept.length) text += "none is left, loosen a filter.";
    else if (!filtered && at("repeat").value === "") text += `${name(one)} is right on ${one.score.replace(" (", " % (")} of them (95 % interval).`;
    else {
      const [low, high] = interval(share, n);
      text += `${name(one)} is right on ${percent(share)} of them (95 % interval ${percent(low)} to ${percent(high)}, for other pictures like these).`;
    }
    if (filtered && kept.length && kept.length < FEW) text += " These are few: the figure says little.";
    if (filtered && kept.length) text += " If you chose them after looking at the answers, the interval is too short.";
    at("summary").textContent = text;
  };
  const verdict = (kept) => {
    const groups = [];
    if (other) {
      const [a, b] = [one, other].map((model) => board.models.indexOf(model));
      const found = board.verdicts.find((each) => (each.better === a && each.worse === b) || (each.better === b && each.worse === a));
      const [better, worse] = found ? [found.better, found.worse].map((i) => board.models[i].name) : [];
      at("verdict").textContent = found
        ? `On all pictures ${better} differs from ${worse} by ${found.difference} in ${board.metric}: ${found.told_apart ? "told apart" : "not told apart"} (p = ${found.p < 0.0001 ? "below 0.0001" : found.p.toFixed(4)}, adjusted for all pairs of this board).`
        : "";
      const always = (model, i) => right(model, i) * 2 > repeats(model).length;
      for (const [title, test_] of [
        [`only ${one.name} is right`, (i) => always(one, i) && !always(other, i)],
        [`only ${other.name} is right`, (i) => !always(one, i) && always(other, i)],
        ["both right", (i) => always(one, i) && always(other, i)],
        ["both wrong", (i) => !always(one, i) && !always(other, i)],
      ]) groups.push([title, kept.filter(test_)]);
    } else at("verdict").textContent = "";
    groups.push([`${one.name} is wrong`, kept.filter((i) => right(one, i) === 0)]);
    groups.push(["every model of the board is wrong: is the label?", kept.filter((i) => board.models.every((model) => right(model, i) === 0))]);
    if (one.said.length > 1) groups.push([`${one.name} changes with the repeat`, kept.filter((i) => one.said.some((said) => said[i] !== one.said[0][i]))]);
    at("groups").replaceChildren(...groups.map(([title, those]) => {
      const button = make("button", `${title}: ${number(those.length)}`, { type: "button" });
      button.addEventListener("click", () => { chosen = { title, those }; open = AT_ONCE; matrixMark(); list(); at("title").focus(); });
      return button;
    }));
    const several = repeats(one).length > 1 || (other && repeats(other).length > 1);
    if (other && several) at("verdict").textContent += " Right here means in most repeats.";
  };
  const matrixMark = () => {
    for (const cell of at("matrix").querySelectorAll("td")) {
      cell.classList.toggle("chosen", Boolean(chosen?.cell) && cell.dataset.cell === chosen.cell.join());
    }
  };
  const matrix = (kept) => {
    const counts = confusion(one, kept), against = other ? confusion(other, kept) : null;
    const shows = at("cells").value, n = set.classes.length;
    const head = make("tr");
    head.append(make("th", "true ↓ said →", { className: "word name", scope: "col" }), ...set.classes.map((each) => make("th", each, { className: "said", scope: "col" })));
    const rows = counts.map((row, t) => {
      const total = row.reduce((a, b) => a + b, 0), line = make("tr");
      line.append(make("th", `${set.classes[t]} (${number(total / repeats(one).length)})`, { className: "word name", scope: "row" }));
      row.forEach((count, s) => {
        const cell = make("td"), button = make("button", "", { type: "button" });
        const per = repeats(one).length / (against ? repeats(other).length : 1);
        const value = shows === "difference" ? count - against[t][s] * per : count;
        button.textContent = shows === "shares" ? (count ? percent(count / total, 0) : "") : value ? (shows === "difference" && value > 0 ? "+" : "") + number(Math.round(value)) : "";
        const depth = total ? Math.min(Math.abs(value) / total, 1) * 70 : 0;
        cell.style.background = `color-mix(in srgb, var(${value < 0 ? "--less" : "--more"}) ${depth}%, var(--paper))`;
        button.setAttribute("aria-label", `${set.classes[t]} called ${set.classes[s]}: ${count} answers`);
        button.addEventListener("click", () => { chosen = { cell: [t, s] }; open = AT_ONCE; matrixMark(); list(ids()); at("title").focus(); });
        cell.dataset.cell = [t, s].join();
        if (t === s) cell.className = "right";
        cell.append(button);
        line.append(cell);
      });
      return line;
    });
    const thead = make("thead"), body = make("tbody");
    thead.append(head); body.append(...rows);
    at("matrix").replaceChildren(make("caption", `${one.name}${shows === "difference" ? ` less ${other.name}` : ""}`), thead, body);
    const several = repeats(one).length;
    at("reading").textContent = `Framed: right answers. ${several > 1 ? `Answers of ${several} repeats are summed. ` : ""}Choose a cell to see its pictures.`;
    matrixMark();
  };
  const byClass = (kept) => {
    const counts = confusion(one, kept), n = set.classes.length;
    const head = make("tr");
    head.append(...["class", "precision", "recall", "F1", "pictures"].map((each, i) => make("th", each, { scope: "col", className: i ? "" : "word name" })));
    const rows = set.classes.map((each, c) => {
      const hit = counts[c][c], of = counts[c].reduce((a, b) => a + b, 0), said = counts.reduce((sum, row) => sum + row[c], 0);
      const line = make("tr");
      line.append(make("th", each, { className: "word name", scope: "row" }), ...[percent(hit / said), percent(hit / of), percent((2 * hit) / (of + said)), number(of / repeats(one).length)].map((text) => make("td", text)));
      return line;
    });
    const thead = make("thead"), body = make("tbody");
    thead.append(head); body.append(...rows);
    at("classes").replaceChildren(make("caption", `${one.name}, by class`), thead, body);
  };
  const list = (kept = ids()) => {
    if (!chosen) {
      const most = confusion(one, kept).flatMap((row, t) => row.map((count, s) => (t === s ? null : [count, t, s]))).filter(Boolean);
      const [count, t, s] = most.reduce((a, b) => (b[0] > a[0] ? b : a), [0, 0, 0]);
      if (count) chosen = { cell: [t, s] };
      matrixMark();
    }
    let title = "", said = null;
    if (chosen?.cell) {
      const [t, s] = chosen.cell;
      const times = (i) => repeats(one).filter((r) => code(one.said[r], i) === s);
      listed = kept.filter((i) => code(test.labels, i) === t && times(i).length);
      const mean = (i) => times(i).reduce((sum, r) => sum + sure(one.sure[r], i), 0) / repeats(one).length;
      listed.sort((i, j) => mean(j) - mean(i));
      said = mean;
      const answers = listed.reduce((sum, i) => sum + times(i).length, 0);
      title = `${number(listed.length)} pictures: ${set.classes[t]} ${t === s ? "rightly called" : "called"} ${set.classes[s]} by ${one.name}${repeats(one).length > 1 ? `, ${number(answers)} answers in ${repeats(one).length} repeats` : ""}`;
    } else if (chosen) {
      listed = [...chosen.those].sort((i, j) => sure(one.sure[0], j) - sure(one.sure[0], i));
      title = `${number(listed.length)} pictures: ${chosen.title}`;
    } else listed = [];
    at("title").textContent = title;
    at("shown").replaceChildren(...listed.slice(0, open).map(figure));
    at("further").hidden = listed.length <= open;
    at("where").textContent = pictured();
  };
  const pictured = () => {
    if (!listed.length) return "";
    const { sheet, folder } = set.pictures;
    if (sheet) return "Surest first.";
    if (folder) return `Surest first. The pictures may not be passed on, so they are read from ${folder}, as long as this page lies where it was written.`;
    return "Surest first. The pictures are not here: names only.";
  };
  const figure = (i) => {
    const row = test.rows[i], item = make("li"), file = set.files[row] ?? `row ${row}`;
    const { sheet, side, a_row, rows, folder } = set.pictures, place = sheet ? rows.indexOf(row) : -1;
    if (place >= 0) {
      const thumb = make("span", "", { className: "thumb", role: "img" });
      const scale = 96 / side;
      thumb.setAttribute("aria-label", file);
      thumb.style.backgroundImage = "var(--sheet)";
      thumb.style.backgroundSize = `${a_row * 96}px auto`;
      thumb.style.backgroundPosition = `${-(place % a_row) * side * scale}px ${-Math.floor(place / a_row) * side * scale}px`;
      item.append(thumb);
    } else if (folder && set.files[row]) {
      const picture = make("img", "", { className: "thumb", alt: file, loading: "lazy", src: `${folder}/${file}`.split("/").map(encodeURIComponent).join("/") });
      picture.addEventListener("error", () => picture.remove());
      item.append(picture);
    }
    const answers = (model) => repeats(model).map((r) => `${set.classes[code(model.said[r], i)]} ${percent(sure(model.sure[r], i), 0)}`);
    item.append(make("div", `is ${set.classes[code(test.labels, i)]}`));
    for (const model of other ? [one, other] : [one]) item.append(make("div", `${other ? `${model.name}: ` : ""}${[...new Set(answers(model))].join("; ")}`));
    if (test.people.length) {
      const person = make("button", `person ${test.people[i]}`, { type: "button", title: "only this person's pictures" });
      person.addEventListener("click", () => { at("person").value = test.people[i]; draw(); });
      item.append(person);
    }
    const copy = make("button", "copy name", { type: "button", title: file });
    copy.setAttribute("aria-label", `copy the name ${file}`);
    copy.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(file); copy.textContent = "copied"; } catch { getSelection().selectAllChildren(item.querySelector(".file")); }
    });
    item.append(make("div", file, { className: "file" }), copy);
    return item;
  };

  // Small charts.
  const chart = (title, xlabel, ylabel, lines, points, xmax, ymax) => {
    const W = 320, H = 210, L = 42, B = 34, T = 22, x = (v) => L + (v / xmax) * (W - L - 18), y = (v) => H - B - (v / ymax) * (H - B - T);
    const draw_ = (values) => values.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(Math.min(b, ymax)).toFixed(1)}`).join("");
    const safe = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
    const tick = (v, top) => (top <= 1 ? percent(v, 0) : v.toPrecision(2) / 1);
    return `<figcaption>${safe(title)}</figcaption><svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${safe(title)}">
      <path d="M${L} ${T}V${H - B}H${W - 18}" fill="none" stroke="currentColor"/>
      ${[0, 0.5, 1].map((v) => `<text x="${L - 4}" y="${y(v * ymax) + 3}" text-anchor="end">${tick(v * ymax, ymax)}</text><text x="${x(v * xmax)}" y="${H - B + 13}" text-anchor="middle">${tick(v * xmax, xmax)}</text>`).join("")}
      <text x="${(W + L) / 2}" y="${H - 4}" text-anchor="middle">${safe(xlabel)}</text><text x="2" y="12">${safe(ylabel)}</text>
      ${lines.map(([values, colour, dash]) => `<path d="${draw_(values)}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-dasharray="${dash}"/>`).join("")}
      ${points.map(([a, b, r]) => `<circle cx="${x(a)}" cy="${y(b)}" r="${r}" fill="var(--more)"/>`).join("")}</svg>`;
  };
  const reliability = (kept) => {
    const bins = Array.from({ length: 10 }, () => [0, 0, 0]);
    for (const r of repeats(one)) for (const i of kept) {
      const p = sure(one.sure[r], i), bin = bins[Math.min(Math.floor(p * 10), 9)];
      bin[0] += 1; bin[1] += p; bin[2] += code(one.said[r], i) === code(test.labels, i);
    }
    const most = Math.max(...bins.map(([n]) => n), 1);
    const points = bins.filter(([n]) => n).map(([n, p, hit]) => [p / n, hit / n, 2 + 5 * Math.sqrt(n / most)]);
    at("reliability").innerHTML = chart(`How often ${one.name} is right when it is so sure (larger: more pictures; on the line: it means what it says)`, "confidence", "share right", [[[[0, 0], [1, 1]], "currentColor", "4 3"]], points, 1, 1);
  };
  const learnt = () => {
    const lines = [], values = [];
    for (const epochs of one.epochs) for (const [column, dash, colour] of [["train_loss", "", "var(--more)"], ["validation_loss", "4 3", "var(--less)"]]) {
      const line = epochs.epoch.map((e, i) => [e, epochs[column][i]]).filter(([, v]) => v !== null);
      if (line.length) { lines.push([line, colour, dash]); values.push(...line.map(([, v]) => v)); }
    }
    values.sort((a, b) => a - b);
    const top = values.length ? Math.min(values.at(-1), 3 * values[Math.floor(values.length / 2)]) : 1;
    at("learnt").innerHTML = lines.length ? chart(`How ${one.name} learnt: loss in training (solid) and on the pictures selected on (dashed)`, "epoch", "cross entropy, nats", lines, [], Math.max(...one.epochs.map((each) => each.epoch.at(-1))), Math.max(top, 1.01)) : "";
  };

  options(at("board"), data.boards.map((each, i) => [i, each.title]));
  at("board").addEventListener("change", chooseBoard);
  for (const id of ["one", "other"]) at(id).addEventListener("change", chooseModels);
  for (const id of ["repeat", "cells", "class", "file", "person", "by", "grey", "side", "found", "surest", "least"]) at(id).addEventListener("input", () => { open = AT_ONCE; if (chosen?.those) chosen = null; draw(); });
  at("further").addEventListener("click", () => { open += 4 * AT_ONCE; list(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-open]");
    const place = link ? data.boards.findIndex((each) => each.name === link.dataset.open && each.models.some((model) => model.name === link.textContent)) : -1;
    if (place < 0) return;
    event.preventDefault();
    history.pushState(null, "", link.hash);
    at("board").value = place;
    chooseBoard();
    at("one").value = board.models.findIndex((model) => model.name === link.textContent);
    chooseModels();
    at("inside").scrollIntoView();
  });
  at("board").value = data.first;
  chooseBoard();
};
const start = () => unpack().then(begin, (error) => { at("summary").textContent = `This browser cannot unpack the answers (${error.message}): use a newer one.`; });
requestIdleCallback?.(start) ?? setTimeout(start, 50);
