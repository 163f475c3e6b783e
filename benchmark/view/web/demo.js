"use strict";
const by = (id) => document.getElementById(id);
const SIDE = 1600; // pixels of the longer side of what is sent
let last = null;
let asked = 0;

function made(name, text, attributes = {}) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  return element;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function part(line) {
  const box = made("section");
  if (!line.said) {
    box.append(made("p", line.remark));
    return box;
  }
  box.append(made("h3", `${line.said}, ${percent(line.confidence)} sure`));
  if (line.set) box.append(made("p", `the true class is among these for 90 % of people: ${line.set}`));
  if (line.remark) box.append(made("p", line.remark, { class: "warning" }));
  const table = made("table");
  table.append(made("caption", "probability of each class", { class: "faint" }));
  Object.entries(line)
    .filter(([key]) => key.startsWith("p_"))
    .sort((a, b) => b[1] - a[1])
    .forEach(([key, value]) => {
      const row = table.insertRow();
      row.append(made("th", key.slice(2), { scope: "row", class: "word" }));
      const meter = made("meter", percent(value), { min: 0, max: 1, value });
      meter.setAttribute("aria-label", `${key.slice(2)} ${percent(value)}`);
      row.insertCell().append(meter);
      row.insertCell().textContent = percent(value);
    });
  box.append(table);
  if (line.map) {
    const figure = made("figure", undefined, { class: "map" });
    figure.append(made("img", undefined, { src: line.map.picture, alt: "where the model looks", width: 224 }));
    figure.append(made("figcaption", `${line.map.told} Orange speaks for the answer, blue against it.`, { class: "faint" }));
    box.append(figure);
  }
  if (line.neighbours.length) {
    box.append(made("p", "most like it among the pictures it learnt from", { class: "faint" }));
    const list = made("ul", undefined, { class: "neighbours" });
    line.neighbours.forEach((each) => {
      const item = made("li");
      item.append(made("img", undefined, { src: each.picture, alt: each.file, title: each.file, width: 64 }));
      item.append(made("br"), each.label);
      list.append(item);
    });
    box.append(list);
  }
  return box;
}

function show(answers) {
  by("answers").replaceChildren(
    ...answers.map((answer) => {
      const column = made("article");
      column.append(made("h2", answer.model), made("p", `learnt from ${answer.learnt_from}`, { class: "faint" }));
      column.append(made("img", undefined, { src: answer.picture, alt: `the picture with the answers of ${answer.model}` }));
      if (answer.remark) column.append(made("p", answer.remark, { class: "warning" }));
      answer.parts.forEach((line) => column.append(part(line)));
      return column;
    }),
  );
}

async function ask(picture) {
  last = picture;
  const turn = ++asked;
  by("state").textContent = "asking; the first answer of a model takes some seconds ...";
  const names = [by("one").value, by("other").value].filter(Boolean);
  const query = new URLSearchParams([...new Set(names)].map((name) => ["model", name]));
  try {
    const response = await fetch(`/answer?${query}`, { method: "POST", body: picture });
    const found = await response.json();
    if (turn !== asked) return;
    if (!response.ok) throw new Error(found.error);
    show(found.answers);
    by("state").textContent = "answered";
  } catch (error) {
    if (turn === asked) by("state").textContent = `no answer: ${error.message}`;
  }
}

by("file").addEventListener("change", (event) => event.target.files[0] && ask(event.target.files[0]));
["one", "other"].forEach((id) => by(id).addEventListener("change", () => last && ask(last)));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) ask(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => event.clipboardData.files[0] && ask(event.clipboardData.files[0]));
by("asked").addEventListener("submit", (event) => event.preventDefault());
by("camera").addEventListener("click", async () => {
  try {
    by("seen").srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    by("seen").hidden = by("take").hidden = false;
  } catch (error) {
    by("state").textContent = `no camera: ${error.message}`;
  }
});
by("take").addEventListener("click", () => {
  const video = by("seen");
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth * scale;
  canvas.height = video.videoHeight * scale;
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  canvas.toBlob(ask, "image/jpeg", 0.95);
});
