// Everything works without this file. It keeps the state in the bar fresh, searches while one types, keeps a form
// from being sent twice, and leaves no page standing after the session has ended.
"use strict";
(() => {
  const STATE_MS = 4000;
  const TYPING_MS = 180;
  const DRAFT_MS = 1500;

  const bar = document.getElementById("sync-state");
  let active = false;
  for (const kind of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(kind, () => { active = true; }, { passive: true });
  }

  async function refresh() {
    try {
      const answer = await fetch(active ? "/state?active=1" : "/state", { cache: "no-store" });
      if (answer.status === 401) {
        location.replace("/sign-in?ended=1");
        return;
      }
      if (answer.ok) {
        active = false;
        const words = await answer.text();
        if (bar.dataset.last !== words) {
          bar.dataset.last = words;
          bar.innerHTML = words;
        }
        bar.classList.remove("unreachable");
      }
    } catch {
      bar.classList.add("unreachable");
      bar.textContent = bar.dataset.unreachable;
      delete bar.dataset.last;
    }
  }
  if (bar) {
    setInterval(() => { if (!document.hidden) refresh(); }, STATE_MS);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  }

  const search = document.getElementById("search");
  if (search) {
    const field = search.querySelector("input[type=search]");
    const results = document.getElementById("results");
    let timer = 0;
    let asked = 0;
    let shown = field.value;
    let composing = false;

    async function find() {
      const wanted = field.value.trim();
      if (wanted === shown) return;
      shown = wanted;
      const turn = ++asked;
      try {
        const answer = await fetch(search.dataset.find, {
          method: "POST",
          body: new URLSearchParams(new FormData(search)),
          cache: "no-store",
        });
        if (answer.redirected) location.replace("/sign-in?ended=1");
        else if (answer.ok && turn === asked) results.innerHTML = await answer.text();
      } catch {
        shown = null;
      }
    }
    const soon = () => {
      clearTimeout(timer);
      if (!composing) timer = setTimeout(find, TYPING_MS);
    };
    field.addEventListener("input", soon);
    field.addEventListener("compositionstart", () => { composing = true; });
    field.addEventListener("compositionend", () => { composing = false; soon(); });
    // With a keyboard one types at once; on a tablet the focus would cover half the page with keys.
    if (!matchMedia("(pointer: coarse)").matches) {
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
    }

    document.addEventListener("keydown", (event) => {
      const links = [...results.querySelectorAll("a.row-link")];
      const at = links.indexOf(document.activeElement);
      if (event.key === "ArrowDown" && (at >= 0 || document.activeElement === field)) {
        links[at + 1]?.focus();
        event.preventDefault();
      } else if (event.key === "ArrowUp" && at >= 0) {
        (at === 0 ? field : links[at - 1]).focus();
        event.preventDefault();
      }
    });
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (search) search.querySelector("input[type=search]").focus();
    else location.assign("/patients");
  });

  for (const form of document.querySelectorAll("form[data-once]")) {
    form.addEventListener("submit", () => {
      setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }), 0);
    });
  }

  // What is being written is kept by the node, in memory: a session that ends takes no sentence with it.
  for (const form of document.querySelectorAll("form[data-draft]")) {
    let timer = 0;
    form.addEventListener("submit", () => clearTimeout(timer));
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        fetch(form.dataset.draft, {
          method: "POST",
          body: new URLSearchParams(new FormData(form)),
          redirect: "manual",
          cache: "no-store",
        }).catch(() => {});
      }, DRAFT_MS);
    });
  }
})();
