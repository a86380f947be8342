"use strict";
const put = (id, html) => {
  const place = document.getElementById(id);
  if (place && place.dataset.was !== html) {
    place.innerHTML = html;
    place.dataset.was = html;
  }
};
const look = async () => {
  try {
    const answer = await fetch("/live" + location.search, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const parts = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts.querySelectorAll("[data-for]")) put(part.dataset.for, part.innerHTML);
    document.body.classList.remove("lost");
  } catch {
    document.body.classList.add("lost");
  }
};
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  try {
    await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  } finally {
    await look();
  }
});
document.addEventListener("change", (event) => {
  const chosen = event.target.selectedOptions?.[0];
  if (event.target.name !== "test" || !chosen) return;
  const form = event.target.form;
  form.elements.value.value = chosen.dataset.example;
  form.querySelector("[data-unit]").textContent = chosen.dataset.unit;
});
setInterval(look, 1000);
