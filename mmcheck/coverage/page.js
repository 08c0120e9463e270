(function () {
  "use strict";

  function start(root) {
    var data = JSON.parse(root.querySelector(".map-data").textContent);
    var frame = root.querySelector(".map-frame");
    var svg = frame.querySelector("svg");
    var card = frame.querySelector(".map-card");
    var canvas = card.querySelector("canvas");
    var form = root.querySelector("form");
    var find = root.querySelector(".map-find");
    var colour = root.querySelector(".map-colour");
    var count = root.querySelector(".map-count");
    var sheets = Array.prototype.slice.call(root.querySelectorAll(".map-sheet"));
    var labels = Array.prototype.slice.call(svg.querySelectorAll("text"));
    var whole = svg.viewBox.baseVal;
    var width = whole.width, height = whole.height;
    var box = { x: 0, y: 0, w: width, h: height };
    var chosen = -1, cluster = -1;
    // Letters are larger on narrow screens.
    var letters = labels.length ? parseFloat(getComputedStyle(labels[0]).fontSize) : 13;
    var points = Array.prototype.map.call(svg.querySelectorAll("circle"), function (circle) {
      var told = data.points[Number(circle.dataset.n)];
      return {
        circle: circle, x: Number(circle.getAttribute("cx")), y: Number(circle.getAttribute("cy")),
        r: Number(circle.getAttribute("r")), id: told[0], text: told[1], where: told[2], cluster: told[3], tile: told[4],
        search: (told[1] + "\n" + told[0]).toLowerCase(), shown: true
      };
    });

    function view(x, y, w) {
      w = Math.min(width, Math.max(width / 40, w));
      var h = w * height / width;
      box = { x: Math.min(Math.max(0, x), width - w), y: Math.min(Math.max(0, y), height - h), w: w, h: h };
      svg.setAttribute("viewBox", [box.x, box.y, box.w, box.h].join(" "));
      // Points grow slower than the map, letters not at all.
      var scale = Math.sqrt(box.w / width);
      points.forEach(function (point) { point.circle.setAttribute("r", String(point.r * scale)); });
      var small = box.w / width;
      labels.forEach(function (label) {
        if (small === 1) { label.style.fontSize = ""; label.style.strokeWidth = ""; }
        else { label.style.fontSize = letters * small + "px"; label.style.strokeWidth = letters * small / 4 + "px"; }
      });
      svg.classList.toggle("zoomed", small < 0.75);
    }

    function zoom(factor, x, y) {
      var w = box.w * factor;
      view(x - (x - box.x) * factor, y - (y - box.y) * factor, w);
    }

    function filter() {
      var words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      var shown = 0;
      points.forEach(function (point) {
        point.shown = (cluster < 0 || point.cluster === cluster)
          && words.every(function (word) { return point.search.indexOf(word) >= 0; });
        point.circle.classList.toggle("dim", !point.shown);
        shown += point.shown ? 1 : 0;
      });
      labels.forEach(function (label) {
        var mine = Number(label.dataset.cluster) === cluster;
        label.classList.toggle("chosen", mine);
        label.classList.toggle("dim", cluster >= 0 && !mine);
      });
      count.textContent = shown === points.length ? shown + " points" : shown + " of " + points.length + " points";
    }

    function draw(tile) {
      var sheet = tile && sheets[Math.floor(tile[0] / (data.columns * data.columns))];
      canvas.hidden = !sheet || !sheet.complete;
      if (canvas.hidden) { return; }
      var place = tile[0] % (data.columns * data.columns);
      canvas.width = tile[1];
      canvas.height = tile[2];
      canvas.style.height = 1.5 * tile[2] + "px";
      canvas.getContext("2d").drawImage(
        sheet, place % data.columns * data.tile, Math.floor(place / data.columns) * data.tile,
        tile[1], tile[2], 0, 0, tile[1], tile[2]);
    }

    function show(number) {
      if (chosen >= 0) { points[chosen].circle.classList.remove("here"); }
      chosen = number;
      card.hidden = number < 0;
      if (number < 0) { return; }
      var point = points[number];
      point.circle.classList.add("here");
      draw(point.tile);
      card.querySelector(".map-text").textContent = point.text;
      card.querySelector(".map-cluster").textContent = data.names[point.cluster];
      card.querySelector(".map-id bdi").textContent = point.id + " (" + point.where + ")";
      var scale = svg.clientWidth / box.w;
      var x = (point.x - box.x) * scale, y = (point.y - box.y) * scale;
      var left = x + 14 + card.offsetWidth > frame.clientWidth ? x - 14 - card.offsetWidth : x + 14;
      var top = Math.min(y + 10, frame.clientHeight - card.offsetHeight - 4);
      card.style.left = Math.max(4, Math.min(left, frame.clientWidth - card.offsetWidth - 4)) + "px";
      card.style.top = Math.max(4, top) + "px";
    }

    function place(event) {
      var area = svg.getBoundingClientRect();
      return { x: box.x + (event.clientX - area.left) * box.w / area.width,
               y: box.y + (event.clientY - area.top) * box.h / area.height, unit: box.w / area.width };
    }

    function nearest(event) {
      var at = place(event), best = -1, least = Math.pow(14 * at.unit, 2);
      points.forEach(function (point, number) {
        var gap = Math.pow(point.x - at.x, 2) + Math.pow(point.y - at.y, 2);
        if (point.shown && gap < least) { best = number; least = gap; }
      });
      return best;
    }

    // The nearest point within a quarter turn of the direction.
    function step(dx, dy) {
      if (chosen < 0) { show(points.findIndex(function (point) { return point.shown; })); return; }
      var from = points[chosen], best = -1, least = Infinity;
      points.forEach(function (point, number) {
        var x = point.x - from.x, y = point.y - from.y;
        var along = x * dx + y * dy, across = Math.abs(x * dy) + Math.abs(y * dx);
        if (number === chosen || !point.shown || along <= 0 || across > along) { return; }
        var gap = along + across;
        if (gap < least) { best = number; least = gap; }
      });
      if (best < 0) { return; }
      show(best);
      var point = points[best];
      if (point.x < box.x || point.y < box.y || point.x > box.x + box.w || point.y > box.y + box.h) {
        view(point.x - box.w / 2, point.y - box.h / 2, box.w);
        show(best);
      }
    }

    function reset() {
      cluster = -1;
      show(-1);
      view(0, 0, width);
      filter();
    }

    var drag = null;
    svg.addEventListener("pointermove", function (event) {
      if (drag && event.buttons) {
        view(drag.x - (event.clientX - drag.px) * drag.unit, drag.y - (event.clientY - drag.py) * drag.unit, box.w);
        return;
      }
      if (event.pointerType !== "touch") { show(nearest(event)); }
    });
    svg.addEventListener("pointerdown", function (event) {
      if (event.pointerType === "touch") { show(nearest(event)); return; }
      drag = { x: box.x, y: box.y, px: event.clientX, py: event.clientY, unit: place(event).unit };
    });
    window.addEventListener("pointerup", function () { drag = null; });
    svg.addEventListener("pointerleave", function (event) { if (event.pointerType !== "touch") { show(-1); } });
    svg.addEventListener("dblclick", function (event) { var at = place(event); zoom(0.5, at.x, at.y); });
    frame.addEventListener("keydown", function (event) {
      var moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      var at = chosen >= 0 ? points[chosen] : { x: box.x + box.w / 2, y: box.y + box.h / 2 };
      if (moves[event.key]) { step(moves[event.key][0], moves[event.key][1]); }
      else if (event.key === "+" || event.key === "=") { zoom(0.6, at.x, at.y); show(chosen); }
      else if (event.key === "-") { zoom(1 / 0.6, at.x, at.y); show(chosen); }
      else if (event.key === "Escape") { form.reset(); }
      else { return; }
      event.preventDefault();
    });
    root.querySelectorAll("[data-zoom]").forEach(function (button) {
      button.addEventListener("click", function () {
        zoom(button.dataset.zoom === "in" ? 0.6 : 1 / 0.6, box.x + box.w / 2, box.y + box.h / 2);
      });
    });
    find.addEventListener("input", filter);
    colour.addEventListener("change", function () { svg.dataset.colour = colour.value; });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("reset", function () {
      setTimeout(function () { svg.dataset.colour = colour.value; reset(); }, 0);
    });
    document.querySelectorAll('[data-show-cluster][href="#' + root.id + '"]').forEach(function (link) {
      link.addEventListener("click", function () {
        cluster = Number(link.dataset.showCluster);
        find.value = "";
        var own = points.filter(function (point) { return point.cluster === cluster; });
        var xs = own.map(function (point) { return point.x; }), ys = own.map(function (point) { return point.y; });
        var w = 1.3 * Math.max(Math.max.apply(null, xs) - Math.min.apply(null, xs),
          (Math.max.apply(null, ys) - Math.min.apply(null, ys)) * width / height, width / 8);
        view((Math.max.apply(null, xs) + Math.min.apply(null, xs) - w) / 2,
          (Math.max.apply(null, ys) + Math.min.apply(null, ys) - w * height / width) / 2, w);
        filter();
      });
    });
    form.hidden = false;
    svg.dataset.colour = colour.value;
    reset();
  }

  document.querySelectorAll(".coverage-map").forEach(start);
  // One recording at a time.
  document.addEventListener("play", function (event) {
    document.querySelectorAll("audio").forEach(function (other) {
      if (other !== event.target) { other.pause(); }
    });
  }, true);
})();
