"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const rows = [...document.querySelectorAll("tr.row")];
  const rowOf = Object.fromEntries(rows.map((row) => [row.id, row]));
  const isLater = Object.fromEntries(rows.map((row) => [row.id, row.hidden]));
  const views = [...document.querySelectorAll(".view")].sort((one, other) => one.dataset.number - other.dataset.number);
  const radios = [...document.querySelectorAll("input[name=choice]")];
  const marks = { read: "●", created: "+", changed: "Δ", deleted: "−", own: "◆" };
  const words = { read: "read", created: "created", changed: "changed", deleted: "deleted", own: "of this title" };
  const narrow = matchMedia("(max-width: 760px)");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let chosen = null;

  root.classList.add("js");

  const clearRow = (row) => {
    row.classList.remove("lit", ...Object.keys(marks));
    row.hidden = isLater[row.id];
    row.cells[0].replaceChildren();
  };

  const light = (id, state) => {
    const row = rowOf[id];
    row.classList.add("lit", state);
    row.hidden = false;
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = marks[state];
    const word = document.createElement("span");
    word.className = "sr";
    word.textContent = words[state];
    row.cells[0].replaceChildren(mark, word);
  };

  const show = (states) => {
    rows.forEach(clearRow);
    Object.entries(states).forEach(([id, state]) => light(id, state));
    document.querySelectorAll(".view tbody").forEach((body) => {
      body.hidden = [...body.querySelectorAll("tr.row")].every((row) => row.hidden);
    });
    const links = views.flatMap((view) => {
      const count = view.querySelectorAll("tr.lit").length;
      if (!count) return [];
      const link = document.createElement("a");
      const number = document.createElement("b");
      number.textContent = count;
      link.href = `#${view.id}`;
      link.append(`${view.dataset.place} `, number);
      return [link];
    });
    byId("jumps").replaceChildren(...links);
    return links.length;
  };

  const statesOf = (choice, step) => {
    if (choice.rows) return Object.fromEntries(choice.rows.map((id) => [id, "own"]));
    const read = step === undefined ? choice.requests.flat() : choice.requests[step];
    const states = Object.fromEntries(read.map((id) => [id, "read"]));
    const writes = step === undefined || choice.writes.includes(step);
    return writes ? { ...states, ...choice.changes } : states;
  };

  const press = (step) => {
    const panel = byId(chosen);
    if (!panel) return;
    panel.querySelectorAll(".requests li").forEach((line, number) => {
      line.classList.toggle("stepped", number === step);
      const button = line.querySelector("button");
      if (button) button.setAttribute("aria-pressed", String(number === step));
    });
  };

  const scrollToFirst = () => {
    const first = document.querySelector("tr.lit");
    if (!first || narrow.matches) return;
    const isSeen = (top) => top >= 0 && top < innerHeight - 60;
    if ([...document.querySelectorAll("tr.lit")].every((row) => isSeen(row.getBoundingClientRect().top))) return;
    const start = byId("only").checked ? document.querySelector(".view") : first.closest("tbody");
    start.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
  };

  const choose = (name) => {
    press();
    chosen = name;
    const choice = name ? data[name] : null;
    document.querySelectorAll(".call").forEach((call) => call.classList.toggle("chosen", call.id === name));
    show(choice ? statesOf(choice) : {});
    byId("hint").hidden = Boolean(choice);
    byId("tools").hidden = !choice;
    byId("panel").scrollTop = 0;
    byId("status").textContent = choice ? choice.summary : "";
    byId("chosen-name").textContent = choice ? choice.name : "";
    radios.forEach((radio) => { radio.checked = radio.value === name; });
    try { history.replaceState(null, "", name ? `#${name}` : location.pathname + location.search); } catch { /* not from a file, in some browsers */ }
    scrollToFirst();
  };

  radios.forEach((radio) => {
    radio.addEventListener("change", () => choose(radio.value));
    radio.addEventListener("click", (event) => {
      if (narrow.matches && event.detail) byId("chooser").open = false;
    });
  });

  document.querySelectorAll(".requests button").forEach((button) => {
    const step = Number(button.dataset.step);
    button.addEventListener("click", () => {
      const only = button.getAttribute("aria-pressed") !== "true";
      show(statesOf(data[chosen], only ? step : undefined));
      press(only ? step : undefined);
      scrollToFirst();
    });
  });

  byId("only").addEventListener("change", (event) => {
    document.querySelector(".views").classList.toggle("only-lit", event.target.checked && chosen !== null);
    scrollToFirst();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !chosen) return;
    byId("only").checked = false;
    document.querySelector(".views").classList.remove("only-lit");
    choose(null);
  });

  const theme = byId("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const nameTheme = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Use ${isDark() ? "light" : "dark"} colours`);
  };
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("catalog-model-theme", value);
      return localStorage.getItem("catalog-model-theme");
    } catch { return null; /* storage is not allowed for this page */ }
  };
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored(root.dataset.theme);
    nameTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
  nameTheme();

  if (narrow.matches) byId("chooser").open = false;
  const linked = decodeURIComponent(location.hash.slice(1));
  if (Object.hasOwn(data, linked)) choose(linked);
  else show({});
})();
