(function () {
  "use strict";
  var form = document.getElementById("marking");
  var body = document.getElementById("rows");
  if (!form || !body) { return; }
  var name = document.getElementById("m-name");
  var count = document.getElementById("m-count");
  var button = document.getElementById("m-export");
  var facts = new Map();
  var key = "mmcheck-marks-" + form.dataset.run;
  var marks = read(key) || {};

  // Some browsers keep nothing for a page from disk; the marks then last as long as the page.
  function read(place) {
    try { return JSON.parse(localStorage.getItem(place)); } catch (error) { return null; }
  }
  function write(place, value) {
    try { localStorage.setItem(place, JSON.stringify(value)); } catch (error) { return; }
  }

  function newId() {
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map.call(bytes, function (byte) { return byte.toString(16).padStart(2, "0"); }).join("");
  }

  function show(row) {
    var mine = marks[facts.get(row)[0]];
    row.dataset.mark = mine ? mine.choice : "none";
    row.querySelectorAll("[data-mark]").forEach(function (one) {
      one.setAttribute("aria-pressed", String(Boolean(mine) && one.dataset.mark === mine.choice));
    });
  }

  function tell() {
    var made = Object.keys(marks).length;
    count.textContent = made === 1 ? "1 pair marked" : made + " pairs marked";
    button.disabled = made === 0;
  }

  body.querySelectorAll("tr.pair").forEach(function (row) {
    facts.set(row, JSON.parse(row.dataset.facts));
    show(row);
    row.querySelectorAll(".marks, .tools").forEach(function (part) { part.hidden = false; });
  });

  body.addEventListener("click", function (event) {
    var row = event.target.closest("tr.pair");
    if (!row) { return; }
    if (event.target.matches("[data-copy]")) {
      copy(facts.get(row)[0], event.target);
    }
    if (event.target.matches("button[data-mark]")) {
      var choice = event.target.dataset.mark, id = facts.get(row)[0];
      if (marks[id] && marks[id].choice === choice) {
        delete marks[id];
      } else {
        marks[id] = {
          id: newId(), choice: choice, time: new Date().toISOString(), content: row.dataset.content,
          codes: facts.get(row)[1]
        };
      }
      write(key, marks);
      show(row);
      tell();
      document.dispatchEvent(new CustomEvent("marked"));
    }
  });

  function copy(text, from) {
    function done() {
      from.textContent = "copied";
      setTimeout(function () { from.textContent = "copy id"; }, 1200);
    }
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text).then(done, function () { window.prompt("The id", text); });
    } else {
      window.prompt("The id", text);
    }
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var who = name.value.trim();
    if (!who) {
      name.setCustomValidity("Whose marks are these?");
      name.reportValidity();
      return;
    }
    var lines = Object.keys(marks).map(function (id) {
      var mine = marks[id];
      var record = {
        schema: "mmcheck.decision/1", id: mine.id, sample_id: id, reviewer: who, time: mine.time, choice: mine.choice,
        codes: mine.codes, sample: "report"
      };
      if (mine.content) { record.content = mine.content; }
      return JSON.stringify(record) + "\n";
    });
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
    link.download = "decisions.jsonl";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  });
  name.addEventListener("input", function () {
    name.setCustomValidity("");
    write("mmcheck-reviewer", name.value);
  });

  name.value = read("mmcheck-reviewer") || "";
  form.hidden = false;
  tell();
})();
