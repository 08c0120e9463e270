(function () {
  "use strict";
  var body = document.getElementById("rows");
  var form = document.getElementById("controls");

  // One recording at a time.
  document.addEventListener("play", function (event) {
    document.querySelectorAll("audio").forEach(function (other) {
      if (other !== event.target) { other.pause(); }
    });
  }, true);

  if (!body || !form) { return; }
  var rows = Array.prototype.slice.call(body.children);
  var search = document.getElementById("f-text");
  var code = document.getElementById("f-code");
  var action = document.getElementById("f-action");
  var modality = document.getElementById("f-modality");
  var mark = document.getElementById("f-mark");
  var order = document.getElementById("f-sort");
  var count = document.getElementById("f-count");
  var nothing = document.getElementById("nothing");
  var reversed = false;

  var facts = rows.map(function (row) {
    var texts = [];
    row.querySelectorAll(".searchable").forEach(function (part) { texts.push(part.textContent); });
    var values = new Map();
    row.querySelectorAll("data").forEach(function (part) { values.set(part.dataset.metric, Number(part.value)); });
    var name = row.querySelector(".id");
    return {
      row: row,
      text: texts.join("\n").toLowerCase(),
      values: values,
      id: name ? name.textContent : "",
      codes: row.dataset.codes.split(" "),
      modalities: row.dataset.modality.split(" "),
      action: row.dataset.action,
      rank: Number(row.dataset.rank),
      index: Number(row.dataset.index)
    };
  });

  function filter() {
    var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    facts.forEach(function (fact) {
      var fits = (!code.value || fact.codes.indexOf(code.value) >= 0)
        && (!action.value || fact.action === action.value)
        && (!modality.value || fact.modalities.indexOf(modality.value) >= 0)
        && (!mark.value || (fact.row.dataset.mark || "none") === mark.value)
        && words.every(function (word) { return fact.text.indexOf(word) >= 0; });
      fact.row.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    count.textContent = shown === facts.length ? shown + " pairs" : shown + " of " + facts.length + " pairs";
    nothing.hidden = shown > 0;
  }

  // What is shown stands in the address, so that it can be sent to somebody or kept as a bookmark.
  var controls = { text: search, reason: code, verdict: action, medium: modality, marked: mark, order: order };

  function toAddress() {
    var state = new URLSearchParams();
    Object.keys(controls).forEach(function (name) {
      var control = controls[name];
      var chosen = control === code && control.selectedIndex > 0
        ? control.options[control.selectedIndex].dataset.code : control.value;
      if (chosen && !(control === order && chosen === "rank")) { state.set(name, chosen); }
    });
    var told = state.toString();
    if (told || location.hash.indexOf("#pairs?") === 0) {
      history.replaceState(null, "", told ? "#pairs?" + told : "#pairs");
    }
  }

  function fromAddress() {
    if (location.hash.indexOf("#pairs?") !== 0) { return; }
    var state = new URLSearchParams(location.hash.slice(7));
    Object.keys(controls).forEach(function (name) {
      var wanted = state.get(name) || "", control = controls[name];
      if (control.options) {
        var at = Array.prototype.findIndex.call(control.options, function (option) {
          return option.dataset.code === wanted || option.value === wanted;
        });
        control.selectedIndex = Math.max(at, 0);
      } else {
        control.value = wanted;
      }
    });
    document.getElementById("pairs").scrollIntoView();
  }

  function compare(key, direction) {
    if (key.indexOf("m:") === 0) {
      var metric = key.slice(2);
      return function (a, b) {
        var left = a.values.get(metric), right = b.values.get(metric);
        // Pairs without a value come last whatever the direction.
        if (left === undefined || right === undefined) {
          return (left === undefined) - (right === undefined) || a.rank - b.rank;
        }
        return direction * (left - right) || a.rank - b.rank;
      };
    }
    if (key === "id") {
      return function (a, b) { return direction * a.id.localeCompare(b.id, undefined, { numeric: true }) || a.rank - b.rank; };
    }
    var field = key === "manifest" ? "index" : "rank";
    return function (a, b) { return direction * (a[field] - b[field]); };
  }

  function sort() {
    var option = order.options[order.selectedIndex];
    var direction = Number(option.dataset.direction || 1) * (reversed ? -1 : 1);
    facts.sort(compare(order.value, direction)).forEach(function (fact) { body.appendChild(fact.row); });
    document.querySelectorAll("[data-sort]").forEach(function (head) {
      var mine = head.dataset.sort === order.value;
      var down = head.dataset.sort === "rank" ? !reversed : reversed;
      head.setAttribute("aria-sort", mine ? (down ? "descending" : "ascending") : "none");
    });
  }

  document.querySelectorAll("[data-sort]").forEach(function (head) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "sorter";
    button.textContent = head.textContent;
    button.addEventListener("click", function () {
      reversed = order.value === head.dataset.sort ? !reversed : false;
      order.value = head.dataset.sort;
      sort();
    });
    head.textContent = "";
    head.appendChild(button);
  });

  document.querySelectorAll("[data-filter-code]").forEach(function (link) {
    link.addEventListener("click", function () {
      form.reset();
      code.value = link.dataset.filterCode;
      if (code.selectedIndex < 0) { code.value = ""; }
      filter();
      setTimeout(toAddress, 0);
    });
  });

  [code, action, modality, mark].forEach(function (control) {
    control.addEventListener("change", function () { filter(); toAddress(); });
  });
  search.addEventListener("input", function () { filter(); toAddress(); });
  order.addEventListener("change", function () { reversed = false; sort(); toAddress(); });
  document.addEventListener("marked", filter);
  window.addEventListener("hashchange", function () { fromAddress(); filter(); sort(); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("reset", function () {
    setTimeout(function () { reversed = false; filter(); sort(); toAddress(); }, 0);
  });

  form.hidden = false;
  // A browser may bring back what was chosen before a reload; the address says more.
  fromAddress();
  filter();
  sort();
})();
