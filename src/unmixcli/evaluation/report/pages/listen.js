"use strict";

const test = JSON.parse(document.getElementById("data").textContent);
const SCALES = ["quality", "contamination"];
const TITLES = { quality: "Quality: 5 is flawless", contamination: "Contamination: 5 is none" };
const DRIFT = 0.03; // seconds by which players may be apart; less than is noticed in a switch
const KEY = `unmixcli-listening-${test.id}`;
const $ = (id) => document.getElementById(id);

let state = { listener: "", started: null, ratings: {} };
let item = 0;
let players = []; // of the candidates, and of the mixture at the end
let heard = 0; // which of them is
let playing = false;
let visit = 0; // what was begun for an item must not go on in the next

// --- What is kept -------------------------------------------------------------------------

function restore() {
  try {
    state = { ...state, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    say("This browser keeps nothing: download the ratings before you leave.");
  }
}

function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify(state));
  } catch {
    say("This browser keeps nothing: download the ratings before you leave.");
  }
}

function ratingOf(index, label) {
  return state.ratings[`${index}/${label}`] ?? {};
}

function rate(label, scale, value) {
  state.started ??= new Date().toISOString();
  state.ratings[`${item}/${label}`] = { ...ratingOf(item, label), [scale]: value };
  keep();
  showProgress();
}

function isRated(index) {
  return test.items[index].candidates.every(({ label }) =>
    SCALES.every((scale) => ratingOf(index, label)[scale] !== undefined));
}

// --- Playing ------------------------------------------------------------------------------

function say(text) {
  $("status").textContent = text;
}

function span() {
  const [start, end] = test.items[item].excerpt;
  const length = players[heard]?.duration;
  const last = Number.isFinite(length) ? length : Infinity;
  if (!$("excerpt").checked) return [0, last];
  return [Math.min(start, Math.max(last - 0.5, 0)), Math.min(end, last)];
}

function position() {
  return players[heard].readyState ? players[heard].currentTime : span()[0];
}

function loaded(player) {
  if (player.readyState >= 3) return Promise.resolve();
  return new Promise((resolve, reject) => {
    player.addEventListener("canplay", resolve, { once: true });
    player.addEventListener("error", reject, { once: true });
    if (player.readyState === 0) {
      player.preload = "auto";
      player.load();
    }
  });
}

function seek(time) {
  for (const player of players) {
    if (player.readyState) player.currentTime = time;
  }
}

// All play at once and one is heard, so that a switch has neither gap nor jump.
async function play() {
  const mine = visit;
  const time = position();
  say("");
  const done = await Promise.allSettled(players.map(loaded));
  if (mine !== visit) return;
  const lost = done.flatMap(({ status }, index) => (status === "rejected" ? [nameOf(index)] : []));
  if (lost.length) say(`Cannot be played: ${lost.join(", ")}. Are the kept stems where they were?`);
  seek(time < span()[0] || time >= span()[1] ? span()[0] : time);
  playing = true;
  await Promise.allSettled(players.filter((player) => !player.error).map((player) => player.play()));
  show();
  requestAnimationFrame(follow);
}

function pause() {
  playing = false;
  for (const player of players) player.pause();
  show();
}

function follow() {
  if (!playing) return;
  const lead = players[heard];
  const [start, end] = span();
  if (lead.currentTime >= end || lead.ended) {
    seek(start);
    for (const player of players) if (player.paused && !player.error) player.play();
  } else {
    for (const player of players) {
      if (player !== lead && !player.seeking && Math.abs(player.currentTime - lead.currentTime) > 10 * DRIFT) {
        player.currentTime = lead.currentTime;
      }
    }
  }
  showTime();
  requestAnimationFrame(follow);
}

function choose(index) {
  const time = position();
  heard = index;
  players.forEach((player, other) => { player.muted = other !== index; });
  const player = players[index];
  if (player.readyState && Math.abs(player.currentTime - time) > DRIFT) player.currentTime = time;
  show();
  if (!playing) play();
}

function nameOf(index) {
  return test.items[item].candidates[index]?.label ?? "the mixture";
}

// --- Showing ------------------------------------------------------------------------------

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function scale(label, name) {
  const choices = element("div", { className: "scale" });
  for (let value = 1; value <= 5; value += 1) {
    const input = element("input", {
      type: "radio", name: `${label}-${name}`, value, checked: ratingOf(item, label)[name] === value,
    });
    input.addEventListener("change", () => rate(label, name, value));
    choices.append(element("label", {}, input, element("span", {}, String(value))));
  }
  const hidden = element("span", { className: "heard" }, `${label}, `);
  return element("fieldset", {}, element("legend", {}, hidden, TITLES[name]), choices);
}

function open(index) {
  visit += 1;
  playing = false;
  for (const player of players) {
    player.pause();
    player.removeAttribute("src"); // lets go of the file
    player.load();
  }
  item = index;
  heard = 0;
  const { track, source, mixture, candidates } = test.items[item];
  const addresses = [...candidates.map(({ address }) => address), ...(mixture ? [mixture] : [])];
  players = addresses.map((src, other) => element("audio", { preload: "none", src, muted: other !== 0 }));
  $("item-title").textContent = source;
  $("item-track").textContent = `Item ${item + 1} of ${test.items.length}, from ${track}`;
  $("candidates").replaceChildren(...candidates.map(({ label }, other) => {
    const button = element("button", { type: "button", className: "plain" }, label);
    button.addEventListener("click", () => choose(other));
    return element("div", { className: "candidate" }, button, ...SCALES.map((name) => scale(label, name)));
  }));
  $("mixture").disabled = !mixture;
  $("previous").disabled = item === 0;
  $("next").disabled = item === test.items.length - 1;
  say("");
  show();
  showProgress();
}

function show() {
  $("play").textContent = playing ? "Pause" : "Play";
  const rows = $("candidates").children;
  players.forEach((_, index) => {
    const row = rows[index];
    row?.classList.toggle("playing", index === heard);
    (row?.firstChild ?? $("mixture")).setAttribute("aria-pressed", String(index === heard));
  });
  $("mixture").classList.toggle("main", heard >= rows.length);
  showTime();
}

function showTime() {
  const [start, end] = span();
  const slider = $("position");
  slider.min = start;
  if (Number.isFinite(end)) slider.max = end;
  slider.value = position();
  const whole = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  $("time").textContent = Number.isFinite(end) ? `${whole(position())} of ${whole(end)}` : whole(position());
}

function showProgress() {
  const done = test.items.filter((_, index) => isRated(index)).length;
  $("progress").textContent = `${done} of ${test.items.length} items are rated.`;
  $("items").replaceChildren(...test.items.map(({ track, source }, index) => element(
    "option", { value: index, selected: index === item }, `${isRated(index) ? "✓ " : ""}${index + 1}: ${source}, ${track}`)));
}

// --- Giving away --------------------------------------------------------------------------

function report() {
  const order = test.items.map(({ track, source, excerpt, candidates }, index) => ({
    item: index + 1, track, source, excerpt,
    candidates: candidates.map(({ label, system }) => ({ label, system, reference: system === null })),
  }));
  const ratings = order.flatMap(({ item: number, track, source, candidates }) => candidates.flatMap((candidate) => {
    const given = ratingOf(number - 1, candidate.label);
    if (!SCALES.some((name) => given[name] !== undefined)) return [];
    return [{ item: number, track, source, ...candidate, quality: given.quality ?? null, contamination: given.contamination ?? null }];
  }));
  return {
    schema: 1,
    test: test.id,
    dataset: test.dataset,
    seed: test.seed,
    listener: state.listener,
    started: state.started,
    downloaded: new Date().toISOString(),
    scales: { quality: [1, 5], contamination: [1, 5], best: 5 },
    ratings,
    order,
  };
}

function download() {
  const address = URL.createObjectURL(new Blob([JSON.stringify(report(), null, 1)], { type: "application/json" }));
  const who = state.listener.replace(/[^\p{L}\p{N}]+/gu, "-");
  element("a", { href: address, download: `ratings-${test.id}${who ? `-${who}` : ""}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// --- Hands --------------------------------------------------------------------------------

$("play").addEventListener("click", () => (playing ? pause() : play()));
$("mixture").addEventListener("click", () => choose(players.length - 1));
$("position").addEventListener("input", () => { seek(Number($("position").value)); showTime(); });
$("excerpt").addEventListener("change", show);
$("previous").addEventListener("click", () => open(item - 1));
$("next").addEventListener("click", () => open(item + 1));
$("items").addEventListener("change", () => open(Number($("items").value)));
$("listener").addEventListener("input", () => { state.listener = $("listener").value; keep(); });
$("download").addEventListener("click", download);
$("forget").addEventListener("click", () => {
  if (!confirm("Forget all ratings of this test?")) return;
  state = { ...state, started: null, ratings: {} };
  keep();
  open(0);
});
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input[type=text], select")) return;
  const index = test.items[item].candidates.findIndex(({ label }) => label === key.toUpperCase());
  if (index >= 0) choose(index);
  else if (key.toUpperCase() === "M" && !$("mixture").disabled) choose(players.length - 1);
  else if (key === " " && !target.matches("button, input")) (playing ? pause : play)();
  else return;
  event.preventDefault();
});

restore();
$("listener").value = state.listener;
$("test").hidden = false;
open(0);
