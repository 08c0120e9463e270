"use strict";
(() => {
  const desk = document.querySelector(".desk");
  const edits = [...document.querySelectorAll("form.edit")];
  const note = document.querySelector(".note-field input");
  let sent = false;

  // How long the pair was looked at: the time in which this page was in front.
  let looked = 0;
  let since = document.hidden ? null : performance.now();
  const pause = () => { if (since !== null) { looked += performance.now() - since; since = null; } };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) pause(); else since = performance.now();
  });

  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      if (sent) { event.preventDefault(); return; }
      sent = true;
      pause();
      for (const field of form.querySelectorAll(".seconds")) field.value = (looked / 1000).toFixed(1);
      // A page that the browser brings back from its memory can be used again.
      setTimeout(() => { sent = false; }, 3000);
    });
  }
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  const boxes = [...document.querySelectorAll(".groups-here input")];
  for (const box of boxes) {
    box.addEventListener("change", () => {
      if (box.checked) for (const other of boxes) if (other !== box) other.checked = false;
      for (const field of document.querySelectorAll(".group-of-edit")) {
        field.value = box.checked && box.dataset.text === "yes" ? box.value : "";
      }
    });
  }

  const close = () => { for (const form of edits) form.hidden = true; };
  const open = () => {
    const at = edits.findIndex((form) => !form.hidden);
    close();
    const form = edits[(at + 1) % edits.length];
    if (!form) return;
    form.hidden = false;
    form.querySelector("textarea").focus();
  };
  for (const form of edits) {
    form.querySelector(".cancel").addEventListener("click", close);
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { close(); document.activeElement.blur(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        form.requestSubmit(form.querySelector(".save"));
      }
    });
  }
  document.querySelector(".start-edit")?.addEventListener("click", open);
  note?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); note.blur(); }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (event.target.closest("textarea, input:not([type=checkbox])")) return;
    const key = event.key.toLowerCase();
    if (key === " " && event.target.closest("button, a, summary, audio, input")) return;
    const button = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    const player = desk?.querySelector(".medium audio");
    if (button) button.click();
    else if (key === "n" && note) note.focus();
    else if (key === "g" && boxes.length) boxes[0].click();
    else if (key === "f") desk?.querySelector(".picture a")?.click();
    else if (key === " " && player) { if (player.paused) player.play(); else player.pause(); }
    else return;
    event.preventDefault();
  });

  // A medium that cannot be shown says why in its place.
  const explain = async (medium) => {
    const box = document.createElement("div");
    box.className = medium.closest(".medium") ? "placeholder" : "placeholder small";
    const head = document.createElement("b");
    head.textContent = medium.tagName === "IMG" ? "no picture" : "no sound";
    const reason = document.createElement("span");
    box.append(head, reason);
    try {
      const answer = await fetch(medium.getAttribute("src"));
      if (!answer.ok) reason.textContent = await answer.text();
    } catch { reason.textContent = "the review does not answer; is it still running in the terminal?"; }
    medium.closest("a")?.replaceWith(box);
    if (medium.isConnected) medium.replaceWith(box);
  };
  for (const medium of document.querySelectorAll("img, audio")) {
    const failed = () => medium.tagName === "IMG" ? medium.complete && medium.getAttribute("src") && !medium.naturalWidth : medium.error;
    medium.addEventListener("error", () => explain(medium), { once: true });
    if (medium.loading !== "lazy" && failed()) explain(medium);
  }
  for (const text of document.querySelectorAll(".main-text")) {
    if (text.textContent.length > 400) text.classList.add("long");
  }
  // The next media are decoded while this one is looked at.
  window.addEventListener("load", () => {
    for (const row of (desk?.dataset.ahead ?? "").split(" ")) if (row) fetch(`/media/${row}/ahead`).catch(() => {});
  });
})();
