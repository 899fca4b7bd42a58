"use strict";
// Text from packets is inserted as text nodes, never as markup.

const REFRESH_INTERVAL_MS = 5000;
const byId = (id) => document.getElementById(id);
const expanded = new Set();
let report = null;
let timer = 0;
// Filters in the fragment of the URL: #text=8003&vantage=client&wrong&open
const hashParameters = new URLSearchParams(location.hash.slice(1));
let openAll = hashParameters.has("open");

function element(name, text, attributes) {
  const created = document.createElement(name);
  if (text !== undefined) created.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) created.setAttribute(key, value);
  return created;
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

function endpoints(set) {
  if (set.vantage === "server") return set.peer + " → " + set.local_address + " port " + set.port;
  return (set.local_address || "…") + " → " + set.peer + " port " + set.port;
}

const key = (set) => [set.vantage, set.local_address, set.port, set.peer].join(" ");
const failed = (counts) => counts.unanswered + counts.refused + counts.unreachable + counts.prohibited;

function share(count, all) {
  return all === 0 ? "" : (100 * count / all).toFixed(count === all || count === 0 ? 0 : 1) + " %";
}

function number(name, text) {
  return element("td", text, { class: "number", "data-name": name });
}

// Bar of the shares of the outcomes. Hidden from screen readers, because the columns contain the numbers.
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
  const shown = expanded.has(key(set));
  const button = element("button", set.title, { type: "button", "aria-expanded": shown, "aria-controls": "details" + at, "data-at": at });
  button.addEventListener("click", () => {
    expanded.has(key(set)) ? expanded.delete(key(set)) : expanded.add(key(set));
    render();
  });
  heading.append(button);
  const decided = set.counts.answered + failed(set.counts);
  const latency = set.latency_seconds || {};
  const connection = element("td", set.vantage + ": " + endpoints(set));
  connection.append(bar(set.counts));
  const live = report.window_seconds !== null && set.attempts_per_second >= 0.05;
  const rate = live ? " (" + set.attempts_per_second.toFixed(1) + "/s)" : "";
  rows[0].append(
    heading,
    connection,
    number("attempts", set.counts.attempts + rate),
    number("answered", share(set.counts.answered, decided)),
    number("failed", share(failed(set.counts), decided)),
    number("half within", duration(latency.p50)),
    number("99 % within", duration(latency.p99)),
  );
  const explanation = element("tr", undefined, { class: "explanation" });
  const cell = element("td", undefined, { colspan: 7 });
  // A scan or a flood has one sentence for several rows, which is shown once.
  if (set.wrong && !(before && before.sentence === set.sentence)) {
    const words = element("p", set.sentence + " ");
    words.append(element("span", "(confidence: " + set.confidence + ")", { class: "confidence" }));
    cell.append(words);
  }
  const details = element("div", undefined, { class: "details", id: "details" + at });
  details.hidden = !shown;
  if (shown) renderDetails(details, set);
  cell.append(details);
  explanation.append(cell);
  rows.push(explanation);
  return rows;
}

function renderDetails(details, set) {
  if (!set.wrong) details.append(element("p", set.sentence));
  if (set.alternatives.length > 0) {
    const list = element("ul");
    for (const alternative of set.alternatives) list.append(element("li", alternative));
    details.append(element("h2", "It may also be"), list);
  }
  if (set.next) details.append(element("h2", "Next: " + set.next.what), element("pre", set.next.command));
  if (set.last_attempts.length > 0) {
    details.append(element("h2", "The last attempts that failed or took long"));
    const timelines = element("div", undefined, { class: "timelines" });
    for (const attempt of set.last_attempts) timelines.append(element("pre", timeline(attempt)));
    details.append(timelines);
  }
  details.append(element("h2", "To see the same packets"), element("pre", set.capture_command));
}

function timeline(attempt) {
  const lines = [time(attempt.began) + "  " + attempt.outcome, attempt.client + " → " + attempt.server];
  for (const packet of attempt.packets) {
    let line = packet.after_seconds.toFixed(3).padStart(7) + "  " + packet.what;
    if (packet.icmp) line += " " + packet.icmp + " from " + packet.by;
    if (packet.ttl !== undefined) line += "  ttl " + packet.ttl;
    lines.push(line);
  }
  return lines.join("\n");
}

function matchesFilter(set) {
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
  const shown = report.sets.filter(matchesFilter);
  const rows = [];
  shown.slice(0, 500).forEach((set, at) => {
    const created = row(set, at, shown[at - 1]);
    created[0].dataset.key = key(set);
    rows.push(...created);
  });
  byId("rows").replaceChildren(...rows);
  byId("empty").hidden = shown.length > 0;
  byId("empty").textContent = report.sets.length === 0 ? "No attempt was captured yet." : "No row fits the filter.";
  if (focused) {
    for (const created of byId("rows").children) {
      if (created.dataset.key === focused) created.querySelector("button").focus();
    }
  }
}

function summary() {
  const wrong = report.sets_wrong === 0 ? "Nothing is wrong" : "Something is wrong with " + report.sets_wrong + " of " + report.sets_total;
  const since = report.since === null ? "" : ", since " + time(report.since) + (report.window_seconds === null ? "" : "; verdicts are about the last " + Math.round(report.window_seconds / 60) + " minutes");
  const trust = report.capture.trusted ? "the capture can be trusted" : "the capture cannot be trusted";
  byId("status").textContent = wrong + "; " + trust + ": " + report.capture.packets + " packets, " + report.capture.dropped + " lost" + since + ".";
  byId("status").classList.remove("stale");
  byId("capture-issues").replaceChildren(...report.capture.doubts.map((issue) => element("li", issue.sentence)));
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
      const response = await fetch("api/v1/diagnosis", { cache: "no-store" });
      if (!response.ok) throw new Error("status " + response.status);
      report = await response.json();
      if (openAll) for (const set of report.sets) expanded.add(key(set));
      openAll = false;
      summary();
      // A text selection would be lost by rendering.
      if (String(document.getSelection()) === "") render();
    } catch (error) {
      byId("status").textContent = "The exporter does not answer (" + error.message + "): the table below is out of date.";
      byId("status").classList.add("stale");
    }
  }
  timer = setTimeout(refresh, REFRESH_INTERVAL_MS);
}

for (const id of ["text", "vantage", "verdict", "wrong"]) byId(id).addEventListener("input", render);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("pause").addEventListener("click", () => {
  const paused = byId("pause").getAttribute("aria-pressed") !== "true";
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Resume" : "Pause";
  if (!paused) refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
byId("text").value = hashParameters.get("text") || "";
byId("vantage").value = hashParameters.get("vantage") || "";
byId("wrong").checked = hashParameters.has("wrong");
refresh();
