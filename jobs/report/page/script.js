"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);

  // Light and dark: as the system says, until somebody says otherwise.
  one("#theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    draw();
  });

  // Tables: a click on a head sorts, another one turns the order round.
  const valueOf = (row, column, numeric) => {
    const text = row.cells[column].textContent.trim();
    return numeric ? parseFloat(text) : text.toLowerCase();
  };
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.dataset.kind === "number";
        const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : numeric;
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row, at) => ({ row, at, value: valueOf(row, column, numeric) }));
        const missing = (v) => v === "" || v === "–" || (numeric && Number.isNaN(v));
        rows.sort((a, b) => {
          if (missing(a.value) || missing(b.value)) return missing(a.value) - missing(b.value) || a.at - b.at;
          const both = [Number(a.value), Number(b.value)];
          const asNumbers = numeric || both.every(Number.isFinite);
          const order = asNumbers ? Number(a.value) - Number(b.value) : a.value.localeCompare(b.value);
          return (down ? -order : order) || a.at - b.at;
        });
        body.append(...rows.map((each) => each.row));
      });
    });
  }
  const filter = one("#filter");
  if (filter) filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const names = all("#runs thead th").map((head) => head.textContent.trim().toLowerCase());
    for (const row of one("#runs").tBodies[0].rows) {
      const cells = [...row.cells].map((cell, k) => `${names[k]}=${cell.textContent.trim().toLowerCase()}`);
      row.hidden = !words.every((word) => cells.some((cell) => cell.includes(word)));
    }
  });

  // One player at a time; a click into the picture goes there.
  let playing = null;
  const stop = () => { if (playing) { playing.audio.pause(); playing.head.hidden = true; playing.sign.textContent = "▶"; playing = null; } };
  const follow = () => {
    if (!playing) return;
    const share = playing.audio.currentTime / playing.seconds;
    playing.head.style.left = `${Math.min(100, 100 * share)}%`;
    requestAnimationFrame(follow);
  };
  for (const card of all(".card")) {
    const picture = one(".picture", card), audio = one("audio", card);
    const me = { audio, head: one(".head", card), sign: one(".play", card), seconds: parseFloat(card.dataset.seconds) };
    picture.addEventListener("click", (event) => {
      const again = playing && playing.audio === audio;
      const box = picture.getBoundingClientRect();
      const share = event.detail ? (event.clientX - box.left) / box.width : 0;
      const onSign = event.target === me.sign;
      stop();
      if (again && (onSign || !event.detail)) return;
      audio.currentTime = onSign || !event.detail ? 0 : share * me.seconds;
      audio.play().then(() => { playing = me; me.head.hidden = false; me.sign.textContent = "❚❚"; follow(); })
        .catch(() => { card.classList.add("silent"); me.sign.textContent = "✕"; });
    });
    audio.addEventListener("ended", stop);
  }

  // The map.
  const data = JSON.parse(one("#map-data").textContent);
  const canvas = one("#points"), name = one("#name");
  const colour = (kind) => kind < 0 ? "#8a8a8a" : `hsl(${(kind * 137.5 + 220) % 360} 62% 52%)`;
  let shown = -1;
  const place = (point) => [(0.5 + 0.47 * point[0]) * canvas.width, (0.5 - 0.47 * point[1]) * canvas.height];
  function draw() {
    if (!canvas) return;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    data.points.forEach((point, k) => {
      const [x, y] = place(point);
      pen.fillStyle = pen.strokeStyle = colour(point[2]);
      pen.globalAlpha = point[3] === 0 ? 0.55 : 0.95;
      pen.beginPath();
      if (point[3] === 3) pen.rect(x - 4, y - 4, 8, 8); else pen.arc(x, y, k === shown ? 10 : 5, 0, 7);
      if (point[3] === 0 || k === shown) pen.fill(); else { pen.lineWidth = 2.5; pen.stroke(); }
    });
    pen.globalAlpha = 1;
  }
  function show(k) {
    shown = k;
    draw();
    if (k < 0) { name.textContent = ""; return; }
    const point = data.points[k], [x, y] = place(point), scale = canvas.clientWidth / canvas.width;
    name.textContent = `${point[4]}${point[2] >= 0 ? " · " + data.classes[point[2]] : ""} · ${data.sides[point[3]]}`;
    name.style.left = `${Math.min(x * scale, canvas.clientWidth * 0.6)}px`;
    name.style.top = `${y * scale + 10}px`;
  }
  if (canvas) {
    const nearest = (event) => {
      const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let best = -1, least = 900;
      data.points.forEach((point, k) => {
        const [px, py] = place(point), far = (px - x) ** 2 + (py - y) ** 2;
        if (far < least) { least = far; best = k; }
      });
      return best;
    };
    const player = new Audio();
    const play = (k) => { if (k >= 0) { stop(); player.src = data.points[k][5]; player.play().catch(() => { name.textContent += " (cannot be played from here)"; }); } };
    canvas.addEventListener("mousemove", (event) => show(nearest(event)));
    canvas.addEventListener("mouseleave", () => show(-1));
    canvas.addEventListener("click", (event) => { const k = nearest(event); show(k); play(k); });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); show((shown + step + data.points.length) % data.points.length); }
      else if (event.key === "Enter") play(shown);
    });
    const kinds = one("#kinds");
    data.classes.forEach((label, k) => {
      const sign = document.createElement("span");
      sign.className = "key";
      sign.style.background = colour(k);
      const text = document.createElement("bdi");
      text.textContent = label;
      kinds.append(sign, text);
    });
    draw();
  }
})();
