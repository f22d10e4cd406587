/* In: the findings in the element `data`, and the page's fragment. Out: the list of findings, filtered; the colour scheme.
   Text of the repository only ever becomes text nodes and attribute values: nothing here writes HTML. */
(() => {
  "use strict";
  const root = document.documentElement;
  const by = (id) => document.getElementById(id);
  const number = (value) => value.toLocaleString("en");

  /* ---- colour scheme: automatic, or the reader's choice, kept where the browser allows it ---- */
  const schemes = ["auto", "light", "dark"];
  const schemeButton = by("scheme");
  let scheme = "auto";
  const keep = (value) => { try { localStorage.setItem("qgate-scheme", value); } catch { /* a file may have no storage */ } };
  const kept = () => { try { return localStorage.getItem("qgate-scheme"); } catch { return null; } };
  const setScheme = (value) => {
    scheme = schemes.includes(value) ? value : "auto";
    root.dataset.scheme = scheme;
    schemeButton.textContent = `Scheme: ${scheme}`;
  };
  setScheme(kept());
  schemeButton.hidden = false;
  schemeButton.addEventListener("click", () => {
    setScheme(schemes[(schemes.indexOf(scheme) + 1) % schemes.length]);
    keep(scheme);
  });

  /* ---- ages: days from what was observed until today ---- */
  for (const time of document.querySelectorAll("time[datetime]")) {
    const days = Math.floor((Date.now() - Date.parse(time.dateTime)) / 86400000);
    if (!Number.isFinite(days) || days < 0) continue;
    time.append(days === 0 ? ", today" : days === 1 ? ", 1 day old" : `, ${number(days)} days old`);
  }

  /* ---- details are opened for what a link points to ---- */
  const reveal = () => {
    for (let at = document.querySelector(":target"); at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  /* ---- drawings: the ways of the box under the pointer stand out ---- */
  for (const drawing of document.querySelectorAll(".drawing")) {
    const light = (key) => {
      drawing.classList.toggle("hot", key !== null);
      for (const edge of drawing.querySelectorAll(".edge[data-from]")) edge.classList.toggle("on", edge.dataset.from === key || edge.dataset.to === key);
    };
    drawing.addEventListener("pointerover", (event) => {
      const box = event.target.closest("[data-key]");
      light(box ? box.dataset.key : null);
    });
    drawing.addEventListener("pointerleave", () => light(null));
  }

  const list = by("list");
  if (!list) return;
  const { checks, findings, compared } = JSON.parse(by("data").textContent);

  /* ---- state: what is shown, in the fragment `#findings?key=value&...` ---- */
  const SETS = { severity: ["error", "warning", "note"], domain: [], confidence: ["high", "medium", "low"],
    status: ["active", "baselined", "waived", "suppressed"], change: ["new", "changed", "unchanged"] };
  SETS.domain = [...new Set(findings.map((one) => one.domain))].sort();
  const DEFAULTS = { status: ["active"], change: compared ? ["new"] : [] };
  const GROUPS = { check: "check", domain: "domain", file: "file", severity: "severity" };
  const FIRST = 5, CHUNK = 60;
  const search = findings.map((one) => [one.message, one.check, one.path, one.domain, one.why, one.mend].join("\n").toLowerCase());

  const initial = () => {
    const state = { check: "", path: "", text: "", group: "check", open: "" };
    for (const key of Object.keys(SETS)) state[key] = new Set(DEFAULTS[key] || []);
    return state;
  };
  let state = initial();

  const read = () => {
    if (!location.hash.startsWith("#findings?")) return false;
    const given = new URLSearchParams(location.hash.slice("#findings?".length));
    state = initial();
    for (const key of Object.keys(SETS)) {
      if (given.has(key)) state[key] = new Set(given.get(key).split(",").filter((value) => SETS[key].includes(value)));
    }
    for (const key of ["check", "path", "text", "open"]) state[key] = given.get(key) || "";
    if (given.get("group") in GROUPS) state.group = given.get("group");
    return true;
  };
  const write = () => {
    const said = new URLSearchParams();
    for (const key of Object.keys(SETS)) {
      const value = [...state[key]].join(",");
      if (value !== (DEFAULTS[key] || []).join(",")) said.set(key, value);
    }
    for (const key of ["check", "path", "text", "open"]) if (state[key]) said.set(key, state[key]);
    if (state.group !== "check") said.set("group", state.group);
    const text = said.toString();
    history.replaceState(null, "", text ? `#findings?${text}` : "#findings");
  };

  /* ---- filtering ---- */
  const passes = (index, without) => {
    const one = findings[index];
    for (const key of Object.keys(SETS)) {
      if (key === without || !state[key].size) continue;
      if (key === "change" && !one.change) continue;
      if (!state[key].has(one[key])) return false;
    }
    if (state.check && without !== "check" && one.check !== state.check) return false;
    if (state.path && !one.path.toLowerCase().includes(state.path.toLowerCase())) return false;
    return words.every((word) => search[index].includes(word));
  };
  let words = [];
  const selected = () => {
    words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (let index = 0; index < findings.length; index += 1) if (passes(index)) found.push(index);
    return found;
  };

  /* ---- making elements ---- */
  const make = (name, properties = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (value === undefined || value === null || value === false) continue;
      if (key === "class") element.className = value;
      else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  };
  /* what stands between backticks is code */
  const prose = (text) => text.split(/`([^`\n]+)`/).map((part, index) => (index % 2 ? make("code", {}, part) : part.replaceAll(" -> ", " → ")));
  /* a path may break after its slashes */
  const wrapping = (path) => path.split(/(?<=\/)/).flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
  const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

  /* ---- one finding, opened ---- */
  const paragraphs = (text) => text.split(/\n\n+/).map((part) => make("p", {}, prose(part)));
  const about = (id) => {
    const check = checks[id];
    if (!check) return null;
    return make("details", { class: "about" }, make("summary", {}, "About this check"),
      make("p", { class: "strong" }, `${check.title}.`),
      make("dl", {}, check.sections.flatMap(([head, text]) => [make("dt", {}, head), make("dd", {}, paragraphs(text))]),
        make("dt", {}, "Do"), make("dd", {}, prose(check.do)), make("dt", {}, "Don’t"), make("dd", {}, prose(check.dont))));
  };
  const frame = (one) => {
    const lines = [];
    let before = null;
    for (const line of one.lines) {
      if (before !== null && line.n > before + 1) lines.push(make("div", { class: "gap", "aria-hidden": "true" }, "⋯"));
      before = line.n;
      const text = line.t.map(([part, kind]) => (kind ? make("mark", { class: kind }, part) : part));
      lines.push(make("div", { class: line.m ? `line ${line.m}` : "line" },
        make("span", { class: "n", "aria-hidden": "true" }, String(line.n)), make("code", {}, text.length ? text : "\u200b")));
      for (const [note, kind] of line.notes || []) lines.push(make("div", { class: `remark ${kind}` }, prose(note)));
    }
    const role = one.roles.length ? make("span", { class: "faint" }, ` ${one.roles.join(", ")}`) : null;
    return make("figure", { class: "frame" },
      make("figcaption", {}, make("code", {}, wrapping(`${one.path}:${one.line}`)), role),
      one.lines.length ? make("div", { class: one.lines[one.lines.length - 1].n > 9999 ? "code wide" : "code", tabindex: "0", role: "region", "aria-label": `${one.path}, line ${one.line}` }, lines) : null,
      (one.notes || []).map((note) => make("p", { class: "faint" }, prose(note))));
  };
  const opened = (index) => {
    const one = findings[index];
    const facts = [["Check", make("code", {}, one.check)], ["Domain", one.domain], ["Severity", one.severity], ["Confidence", one.confidence],
      one.status !== "active" ? ["Status", one.answer ? `${one.status}: ${one.answer}` : one.status] : null,
      one.change ? ["Against the base", one.change] : null,
      one.tags ? ["Tags", one.tags.join(", ")] : null,
      ["Fingerprint", make("code", {}, one.id)]].filter(Boolean);
    return make("div", { class: "opened" },
      one.why ? make("p", {}, make("b", {}, "Why here "), prose(one.why)) : null,
      one.frames.map(frame),
      one.more ? make("p", { class: "faint" }, `and ${plural(one.more, "more place")}`) : null,
      one.mend ? make("p", { class: "mend" }, make("b", {}, "Mend "), prose(one.mend)) : null,
      about(one.check),
      make("dl", { class: "facts" }, facts.map(([head, value]) => make("div", {}, make("dt", {}, head), make("dd", {}, value)))));
  };
  const toggle = (row, index, open) => {
    const button = row.querySelector("button");
    button.setAttribute("aria-expanded", String(open));
    const was = row.querySelector(".opened");
    if (open && !was) row.append(opened(index));
    if (!open && was) was.remove();
  };
  const row = (index, head) => {
    const one = findings[index];
    const marks = [one.confidence !== "high" ? `${one.confidence} confidence` : "", one.status !== "active" ? one.status : "",
      one.change && !(compared && state.change.size === 1) ? one.change : ""].filter(Boolean);
    const button = make("button", { type: "button", class: "row", "aria-expanded": "false" },
      make("span", { class: `severity ${one.severity}` }, one.severity),
      make("span", { class: "message" }, prose(one.message), marks.map((text) => make("span", { class: "tag" }, text)),
        head === "check" ? null : make("span", { class: "tag id" }, one.check)),
      make("code", { class: "where" }, wrapping(`${one.path}:${one.line}`)));
    const entry = make("li", { "data-id": one.id }, button);
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      toggle(entry, index, open);
      state.open = open ? one.id : "";
      write();
    });
    if (state.open === one.id) toggle(entry, index, true);
    return entry;
  };

  /* ---- the list: groups of rows, drawn as far as the reader has come ---- */
  const KEYS = { check: (one) => one.check, domain: (one) => one.domain, file: (one) => one.path, severity: (one) => one.severity };
  const unfolded = new Set();
  let queue = [], observer = null, printing = false;
  const grouped = (found) => {
    const groups = new Map();
    for (const index of found) {
      const key = KEYS[state.group](findings[index]);
      if (groups.has(key)) groups.get(key).push(index); else groups.set(key, [index]);
    }
    const rank = (indexes) => Math.min(...indexes.slice(0, 1).map((index) => SETS.severity.indexOf(findings[index].severity)));
    const entries = [...groups.entries()];
    if (state.group === "check") entries.sort((a, b) => rank(a[1]) - rank(b[1]) || b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
    if (state.group === "domain") entries.sort((a, b) => (a[0] < b[0] ? -1 : 1));
    return entries;
  };
  const heading = (key, indexes) => {
    const first = findings[indexes[0]];
    const title = state.group === "check" ? [(checks[key] || { title: key }).title, " ", make("code", {}, key)] : [state.group === "file" ? make("code", {}, key) : key];
    return make("h3", {}, make("span", { class: "count" }, number(indexes.length)), " ", title, state.group === "check" ? make("span", { class: "faint" }, ` ${first.domain}`) : null);
  };
  /* A step draws a group's head and first rows, or some rows more; all steps are small. */
  const steps = function* (found) {
    const groups = grouped(found);
    for (const [key, indexes] of groups) {
      const whole = printing || groups.length === 1 || unfolded.has(`${state.group} ${key}`);
      const opens = indexes.findIndex((index) => findings[index].id === state.open);
      const count = whole ? indexes.length : Math.max(Math.min(indexes.length, FIRST + 1 === indexes.length ? FIRST + 1 : FIRST), opens + 1);
      const items = make("ul", {});
      const block = make("div", { class: "group" }, heading(key, indexes), items);
      list.insertBefore(block, list.querySelector(".sentinel"));
      let drawn = 0;
      const draw = (until) => { for (; drawn < until; drawn += 1) items.append(row(indexes[drawn], state.group)); };
      while (drawn < count) { draw(Math.min(count, drawn + CHUNK)); yield items.lastChild; }
      if (count < indexes.length) {
        const more = make("button", { type: "button", class: "more" }, `Show the other ${number(indexes.length - count)}`);
        more.addEventListener("click", () => {
          unfolded.add(`${state.group} ${key}`);
          more.remove();
          const from = drawn;
          const continued = (function* rest() { while (drawn < indexes.length) { draw(Math.min(indexes.length, drawn + CHUNK)); yield items.lastChild; } })();
          queue.unshift(continued);
          pump();
          items.children[from].querySelector("button").focus();
        });
        block.append(more);
      }
    }
  };
  const visible = () => {
    const sentinel = list.querySelector(".sentinel");
    return sentinel && sentinel.getBoundingClientRect().top < innerHeight * 2;
  };
  const pump = () => {
    let drawn = 0;
    while (queue.length && (printing || visible() || drawn < 1)) {
      if (queue[0].next().done) queue.shift(); else drawn += 1;
    }
    if (!queue.length) list.querySelector(".sentinel").hidden = true;
  };
  const item = (id) => list.querySelector(`li[data-id="${CSS.escape(id)}"]`);
  const drawUntil = (id) => {
    while (queue.length && !item(id)) if (queue[0].next().done) queue.shift();
    return item(id);
  };
  const render = () => {
    const found = selected();
    list.replaceChildren(make("div", { class: "sentinel" }, make("button", { type: "button", class: "more", onclick: pump }, "Show more")));
    queue = [steps(found)];
    if (observer) observer.disconnect();
    if (typeof IntersectionObserver === "function") {
      observer = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) pump(); }, { rootMargin: "100% 0px" });
      observer.observe(list.querySelector(".sentinel"));
    }
    pump();
    if (!found.length) {
      const all = () => { state = initial(); for (const key of Object.keys(SETS)) state[key].clear(); fill(); changed(); };
      list.prepend(make("p", { class: "empty" }, "Nothing passes these filters. ", make("button", { type: "button", class: "plain", onclick: all }, `Show all ${plural(findings.length, "finding")}`)));
    }
    by("shown").textContent = found.length === findings.length ? `All ${plural(findings.length, "finding")} shown.`
      : `${number(found.length)} of ${plural(findings.length, "finding")} shown.`;
    counts();
  };

  /* ---- the filters ---- */
  const LABELS = { severity: "Severity", domain: "Domain", confidence: "Confidence", status: "Status", change: "Against the base" };
  const chips = [];
  const filters = by("filters");
  const changed = () => { state.open = ""; unfolded.clear(); write(); render(); };
  const chipGroup = (key) => {
    /* what is hidden at first has its chip, so that the reader sees why and can ask for it */
    const kept = DEFAULTS[key] || [];
    const present = SETS[key].filter((value) => kept.includes(value) || findings.some((one) => one[key] === value));
    if (present.length < 2) return null;
    return make("div", { class: "chips", role: "group", "aria-label": LABELS[key] }, make("span", { class: "label" }, LABELS[key]), present.map((value) => {
      const count = make("span", { class: "count" });
      const chip = make("button", { type: "button", class: `chip ${key === "severity" ? value : ""}` }, value, " ", count);
      chip.addEventListener("click", () => {
        if (!state[key].delete(value)) state[key].add(value);
        state[key] = new Set(SETS[key].filter((one) => state[key].has(one)));
        changed();
      });
      chips.push({ key, value, chip, count });
      return chip;
    }));
  };
  const counts = () => {
    const totals = {};
    for (const { key } of chips) totals[key] = totals[key] || new Map();
    for (const key of Object.keys(totals)) {
      for (let index = 0; index < findings.length; index += 1) {
        if (passes(index, key)) totals[key].set(findings[index][key], (totals[key].get(findings[index][key]) || 0) + 1);
      }
    }
    for (const { key, value, chip, count } of chips) {
      chip.setAttribute("aria-pressed", String(state[key].has(value)));
      count.textContent = number(totals[key].get(value) || 0);
    }
  };
  const field = (key, label, control) => {
    control.id = `filter-${key}`;
    return make("label", { for: control.id }, make("span", { class: "label" }, label), control);
  };
  let waiting = 0;
  const typed = (key) => (event) => {
    state[key] = event.target.value;
    clearTimeout(waiting);
    waiting = setTimeout(changed, 120);
  };
  const text = make("input", { type: "search", placeholder: "words in the message, reason, path …", oninput: typed("text") });
  const path = make("input", { type: "search", placeholder: "part of a path", oninput: typed("path") });
  const check = make("select", { onchange: (event) => { state.check = event.target.value; changed(); } }, make("option", { value: "" }, "all checks"),
    [...new Set(findings.map((one) => one.check))].sort().map((id) => make("option", { value: id }, id)));
  const group = make("select", { onchange: (event) => { state.group = event.target.value; changed(); } },
    Object.entries(GROUPS).map(([value, label]) => make("option", { value }, label)));
  const reset = make("button", { type: "button", class: "plain", onclick: () => { state = initial(); fill(); changed(); } }, "Reset");
  const fill = () => { text.value = state.text; path.value = state.path; check.value = state.check; group.value = state.group; };
  filters.append(...["severity", "domain", "confidence", "status", "change"].map(chipGroup).filter(Boolean),
    make("div", { class: "fields" }, field("text", "Search", text), field("path", "Path", path), field("check", "Check", check), field("group", "Group by", group), reset));
  filters.hidden = false;

  for (const jump of document.querySelectorAll("button.jump")) {
    jump.addEventListener("click", () => {
      state = initial();
      state.change = new Set();
      if (jump.dataset.domain) state.domain = new Set([jump.dataset.domain]);
      if (jump.dataset.check) state.check = jump.dataset.check;
      if (jump.dataset.severity) state.severity = new Set([jump.dataset.severity]);
      fill();
      changed();
      filters.scrollIntoView({ block: "start" });
    });
  }

  /* ---- keyboard: arrows go from row to row, Escape closes ---- */
  list.addEventListener("keydown", (event) => {
    const at = event.target.closest("button.row");
    if (event.key === "Escape") {
      const open = event.target.closest("li") && event.target.closest("li").querySelector('button.row[aria-expanded="true"]');
      if (open) { open.click(); open.focus(); }
      return;
    }
    if (!at || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    const rows = [...list.querySelectorAll("button.row")];
    const next = rows[rows.indexOf(at) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) { event.preventDefault(); next.focus(); }
  });

  /* ---- printing: what the filters let through, whole ---- */
  const PRINTED = 1000;
  addEventListener("beforeprint", () => {
    printing = selected().length <= PRINTED;
    render();
    if (!printing) by("shown").textContent += ` Printed are the first of each group; narrow the filters to ${number(PRINTED)} findings or fewer to print all.`;
  });
  addEventListener("afterprint", () => { printing = false; render(); });

  const follow = () => {
    if (!read()) return;
    fill();
    render();
    const target = state.open && drawUntil(state.open);
    if (target) { target.scrollIntoView({ block: "start" }); target.querySelector("button").focus({ preventScroll: true }); }
  };
  addEventListener("hashchange", follow);
  fill();
  render();
  follow();
})();
