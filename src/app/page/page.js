"use strict";
// Everything that came from packets is put into the page as text, never as markup.

const REFRESH = 5000;
const byId = (id) => document.getElementById(id);
const open = new Set();
let report = null;
let timer = 0;
// What the address asks for: #text=8003&vantage=client&wrong&open
const asked = new URLSearchParams(location.hash.slice(1));
let openAll = asked.has("open");

function element(name, text, attributes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  return made;
}

function duration(seconds) {
  if (seconds === undefined || seconds === null) return "";
  if (seconds >= 10) return seconds.toFixed(0) + " s";
  if (seconds >= 1) return seconds.toFixed(1) + " s";
  if (seconds >= 0.01) return (seconds * 1e3).toFixed(0) + " ms";
  if (seconds >= 0.001) return (seconds * 1e3).toFixed(1) + " ms";
  return (seconds * 1e6).toFixed(0) + " µs";
}

function time(seconds) {
  return new Date(seconds * 1000).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

function ends(set) {
  const there = set.peer + (set.vantage === "server" ? "" : " port " + set.port);
  if (set.vantage === "server") return set.peer + " → " + set.local_address + " port " + set.port;
  return (set.local_address || "…") + " → " + there;
}

const key = (set) => [set.vantage, set.local_address, set.port, set.peer].join(" ");
const failed = (counts) => counts.unanswered + counts.refused + counts.unreachable + counts.prohibited;

function share(count, all) {
  return all === 0 ? "" : (100 * count / all).toFixed(count === all || count === 0 ? 0 : 1) + " %";
}

function number(name, text) {
  return element("td", text, { class: "number", "data-name": name });
}

// The shares of the outcomes; the same stands in words and numbers beside it.
function bar(counts) {
  const shares = element("div", undefined, { class: "bar", "aria-hidden": "true" });
  const late = Math.min(counts.late, counts.unanswered);
  const parts = { answered: counts.answered, late: late, unanswered: counts.unanswered - late, refused: counts.refused, rejected: counts.unreachable + counts.prohibited };
  for (const [outcome, count] of Object.entries(parts)) {
    if (count === 0) continue;
    const part = element("span", undefined, { class: outcome, title: outcome + ": " + count });
    part.style.flexGrow = count;
    shares.append(part);
  }
  return shares;
}

function row(set, at, before) {
  const rows = [element("tr", undefined, { class: "set level" + Number(set.severity), "data-verdict": set.verdict })];
  const heading = element("th", undefined, { scope: "row" });
  const shown = open.has(key(set));
  const button = element("button", set.title, { type: "button", "aria-expanded": shown, "aria-controls": "more" + at, "data-at": at });
  button.addEventListener("click", () => {
    open.has(key(set)) ? open.delete(key(set)) : open.add(key(set));
    render();
  });
  heading.append(button);
  const decided = set.counts.answered + failed(set.counts);
  const latency = set.latency_seconds || {};
  const who = element("td", set.vantage + ": " + ends(set));
  who.append(bar(set.counts));
  const live = report.window_seconds !== null && set.attempts_per_second >= 0.05;
  const rate = live ? " (" + set.attempts_per_second.toFixed(1) + "/s)" : "";
  rows[0].append(
    heading,
    who,
    number("attempts", set.counts.attempts + rate),
    number("answered", share(set.counts.answered, decided)),
    number("failed", share(failed(set.counts), decided)),
    number("half within", duration(latency.p50)),
    number("99 % within", duration(latency.p99)),
  );
  const says = element("tr", undefined, { class: "says" });
  const cell = element("td", undefined, { colspan: 7 });
  // A scan or a flood is described once.
  if (set.wrong && !(before && before.sentence === set.sentence)) {
    const words = element("p", set.sentence + " ");
    words.append(element("span", "(confidence: " + set.confidence + ")", { class: "sure" }));
    cell.append(words);
  }
  const more = element("div", undefined, { class: "more", id: "more" + at });
  more.hidden = !shown;
  if (shown) fill(more, set);
  cell.append(more);
  says.append(cell);
  rows.push(says);
  return rows;
}

function fill(more, set) {
  if (!set.wrong) more.append(element("p", set.sentence));
  if (set.alternatives.length > 0) {
    const list = element("ul");
    for (const alternative of set.alternatives) list.append(element("li", alternative));
    more.append(element("h2", "It may also be"), list);
  }
  if (set.next) more.append(element("h2", "Next: " + set.next.what), element("pre", set.next.command));
  if (set.last_attempts.length > 0) {
    more.append(element("h2", "The last attempts that failed or took long"));
    const trails = element("div", undefined, { class: "trails" });
    for (const attempt of set.last_attempts) trails.append(element("pre", trail(attempt)));
    more.append(trails);
  }
  more.append(element("h2", "To see the same packets"), element("pre", set.capture_command));
}

function trail(attempt) {
  const lines = [time(attempt.began) + "  " + attempt.outcome, attempt.client + " → " + attempt.server];
  for (const packet of attempt.packets) {
    let line = packet.after_seconds.toFixed(3).padStart(7) + "  " + packet.what;
    if (packet.icmp) line += " " + packet.icmp + " from " + packet.by;
    if (packet.ttl !== undefined) line += "  ttl " + packet.ttl;
    lines.push(line);
  }
  return lines.join("\n");
}

function wanted(set) {
  const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [key(set), set.title, set.verdict, set.sentence].join(" ").toLowerCase();
  return words.every((word) => text.includes(word))
    && (byId("vantage").value === "" || set.vantage === byId("vantage").value)
    && (byId("verdict").value === "" || set.verdict === byId("verdict").value)
    && (!byId("wrong").checked || set.wrong);
}

function render() {
  if (!report) return;
  const focused = document.activeElement && document.activeElement.dataset.at !== undefined
    ? document.activeElement.closest("tr").dataset.key : null;
  const shown = report.sets.filter(wanted);
  const rows = [];
  shown.slice(0, 500).forEach((set, at) => {
    const made = row(set, at, shown[at - 1]);
    made[0].dataset.key = key(set);
    rows.push(...made);
  });
  byId("rows").replaceChildren(...rows);
  byId("empty").hidden = shown.length > 0;
  byId("empty").textContent = report.sets.length === 0 ? "No attempt was seen yet." : "No row fits the filter.";
  if (focused) {
    for (const made of byId("rows").children) {
      if (made.dataset.key === focused) made.querySelector("button").focus();
    }
  }
}

function summary() {
  const wrong = report.sets_wrong === 0 ? "Nothing is wrong" : "Something is wrong with " + report.sets_wrong + " of " + report.sets_total;
  const since = report.since === null ? "" : ", since " + time(report.since) + (report.window_seconds === null ? "" : "; verdicts are about the last " + Math.round(report.window_seconds / 60) + " minutes");
  const trust = report.capture.trusted ? "the capture can be trusted" : "the capture is not to be trusted";
  byId("status").textContent = wrong + "; " + trust + ": " + report.capture.packets + " packets, " + report.capture.dropped + " lost" + since + ".";
  byId("status").classList.remove("stale");
  byId("doubts").replaceChildren(...report.capture.doubts.map((doubt) => element("li", doubt.sentence)));
  const select = byId("verdict");
  const chosen = select.value;
  const known = new Map(report.sets.map((set) => [set.verdict, set.title]));
  if (chosen && !known.has(chosen)) known.set(chosen, chosen);
  const options = [...known].map(([verdict, title]) => element("option", title, { value: verdict }));
  const all = element("option", "all", { value: "" });
  select.replaceChildren(all, ...options);
  select.value = chosen;
}

async function refresh() {
  clearTimeout(timer);
  const paused = byId("pause").getAttribute("aria-pressed") === "true";
  if (!paused && !(document.hidden && report)) {
    try {
      const answer = await fetch("api/v1/diagnosis", { cache: "no-store" });
      if (!answer.ok) throw new Error("status " + answer.status);
      report = await answer.json();
      if (openAll) for (const set of report.sets) open.add(key(set));
      openAll = false;
      summary();
      // What is being copied is left alone.
      if (String(document.getSelection()) === "") render();
    } catch (error) {
      byId("status").textContent = "The exporter does not answer (" + error.message + "): what is below is old.";
      byId("status").classList.add("stale");
    }
  }
  timer = setTimeout(refresh, REFRESH);
}

for (const id of ["text", "vantage", "verdict", "wrong"]) byId(id).addEventListener("input", render);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("pause").addEventListener("click", () => {
  const paused = byId("pause").getAttribute("aria-pressed") !== "true";
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Go on" : "Pause";
  if (!paused) refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
byId("text").value = asked.get("text") || "";
byId("vantage").value = asked.get("vantage") || "";
byId("wrong").checked = asked.has("wrong");
refresh();
