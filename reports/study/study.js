"use strict";
(function () {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const answers = [];
  let at = 0, since = 0;

  function part(name) {
    for (const id of ["start", "ask", "end"]) $(id).hidden = id !== name;
  }
  function figure(name, text) {
    const box = document.createElement("figure");
    const image = document.createElement("img");
    const line = document.createElement("figcaption");
    image.src = "images/" + name;
    image.alt = text;
    line.textContent = text;
    box.append(image, line);
    return box;
  }
  function show() {
    document.body.classList.remove("zoom");
    $("progress").textContent = Math.min(at + 1, data.questions.length) + " of " + data.questions.length;
    if (at >= data.questions.length) { part("end"); return; }
    const question = data.questions[at];
    $("left").src = "images/" + question.left;
    $("right").src = "images/" + question.right;
    const originals = [];
    if (question.hr) originals.push(figure(question.hr, "the original photograph"));
    for (const name of question.refs || []) originals.push(figure(name, "another photograph of it"));
    $("originals").replaceChildren(...originals);
    $("back").disabled = at === 0;
    part("ask");
    since = performance.now();
  }
  function answer(choice) {
    answers[at] = { question: at, choice: choice, seconds: Math.round((performance.now() - since) / 100) / 10 };
    at += 1;
    show();
  }
  function back() { at = Math.max(0, at - 1); show(); }
  $("begin").addEventListener("click", show);
  $("back").addEventListener("click", back);
  $("again").addEventListener("click", back);
  document.querySelectorAll("button[data-choice]").forEach((button) => {
    button.addEventListener("click", () => answer(button.dataset.choice));
  });
  for (const id of ["left", "right"]) $(id).addEventListener("click", () => document.body.classList.toggle("zoom"));
  document.addEventListener("keydown", (event) => {
    if ($("ask").hidden || event.repeat) return;
    const choice = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" }[event.key];
    if (choice) { event.preventDefault(); answer(choice); }
    if (event.key === "z") document.body.classList.add("zoom");
  });
  document.addEventListener("keyup", (event) => { if (event.key === "z") document.body.classList.remove("zoom"); });
  function file() {
    return JSON.stringify({ schema: data.schema, study: data.study, rater: $("rater").value, answers: answers }, null, 1);
  }
  $("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = "data:application/json;charset=utf-8," + encodeURIComponent(file());
    link.download = "answers-" + data.study.slice(0, 6) + "-" + ($("rater").value.replace(/[^A-Za-z0-9]+/g, "_").slice(0, 30) || "anonymous") + ".json";
    document.body.append(link);
    link.click();
    link.remove();
  });
  window.studyAnswers = file;
})();
