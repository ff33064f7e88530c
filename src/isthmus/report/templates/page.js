"use strict";
// What the pointer finds: values on a curve, samples behind the dots of the latent map. The page reads well without it.
(() => {
  const tip = document.getElementById("tip");
  const make = (tag, css, text) => Object.assign(document.createElement(tag), { className: css || "", textContent: text || "" });

  function show(children, x, y) {
    tip.replaceChildren(...children);
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), room = document.documentElement;
    const left = x + 16 + box.width > room.clientWidth ? x - 16 - box.width : x + 16;
    const top = y + 16 + box.height > window.innerHeight ? y - 16 - box.height : y + 16;
    tip.style.transform = `translate(${Math.max(4, Math.min(left, room.clientWidth - box.width - 4))}px, ${Math.max(4, top)}px)`;
  }

  // `find(x, y)` names the nearest thing for a place in the plot (0 to 1), `tell(i)` draws it; `count` is how many there are.
  function explore(chart, count, find, place, tell, css) {
    const plot = chart.querySelector(".plot"), cursor = make("div", `cursor ${css}`);
    let at = -1;
    const hide = () => { tip.hidden = true; cursor.remove(); };
    const go = (i) => {
      if (i < 0) return hide();
      at = i;
      const [x, y] = place(i), box = plot.getBoundingClientRect();
      cursor.style.left = `${100 * x}%`;
      if (y !== undefined) cursor.style.top = `${100 * y}%`;
      plot.append(cursor);
      show(tell(i), box.left + x * box.width, box.top + (y === undefined ? 0.3 : y) * box.height);
    };
    const point = (event) => {
      const box = plot.getBoundingClientRect();
      go(find((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box));
    };
    plot.addEventListener("pointermove", point);
    plot.addEventListener("click", point);
    plot.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    window.addEventListener("scroll", hide, { passive: true });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      go((at + step + count) % count);
    });
  }

  for (const chart of document.querySelectorAll("[data-lines]")) {
    const { axis, lines } = JSON.parse(chart.dataset.lines);
    const longest = lines.reduce((a, b) => (b.x.length > a.x.length ? b : a));
    const nearest = (line, x) => line.x.reduce((best, v, i) => (Math.abs(v - x) < Math.abs(line.x[best] - x) ? i : best), 0);
    explore(chart, longest.x.length, (x) => nearest(longest, x), (i) => [longest.x[i]], (i) => [
      make("div", "", `${axis} ${longest.at[i]}`),
      ...lines.map((line) => {
        const row = make("div"), swatch = make("i");
        swatch.style.background = line.colour;
        row.append(swatch, `${line.name} ${line.value[nearest(line, longest.x[i])]}`);
        return row;
      }),
    ], "line");
  }

  let behind; // what is behind the dots, told by the first of several maps of the same rows
  for (const map of document.querySelectorAll(".map")) {
    const data = JSON.parse(map.querySelector("script").textContent);
    behind = behind || data.behind;
    const chart = map.querySelector(".chart"), choice = map.querySelector("select"), legend = map.querySelector(".legend"), svg = map.querySelector("svg");
    const order = data.x.map((_, i) => i).sort((a, b) => data.x[a] - data.x[b]);

    const paint = () => {
      const { name, index, colours, words, ramp } = data.colourings[choice ? choice.value : 0];
      const paths = colours.map(() => []);
      index.forEach((c, i) => paths[c].push(`M${data.x[i]} ${data.y[i]}h0`));
      svg.querySelectorAll(".dots").forEach((path) => path.remove());
      svg.insertAdjacentHTML("beforeend", colours.map((colour, c) => `<path class="dots" stroke="${colour}" d="${paths[c].join("")}"/>`).join(""));
      legend.className = ramp ? "legend ramp" : "legend";
      legend.replaceChildren(...colours.map((colour, c) => {
        const item = make("li"), swatch = make("i");
        swatch.style.background = colour;
        item.append(...(ramp && c === 0 ? [words[c], swatch] : [swatch, words[c]]));
        return item;
      }));
      chart.setAttribute("aria-label", name ? `Map of the codes, coloured by ${name}` : "Map of the codes");
    };

    const sample = (i) => {
      if (behind.sheet) {
        const image = make("div", "thumb");
        image.style.height = `${112 * behind.aspect}px`;
        image.style.backgroundImage = `url(${behind.sheet})`;
        image.style.backgroundSize = `${behind.columns * 100}% ${behind.lines * 100}%`;
        image.style.backgroundPosition = `${-112 * (i % behind.columns)}px ${-112 * behind.aspect * Math.floor(i / behind.columns)}px`;
        return [image];
      }
      if (behind.curves) {
        const curves = behind.curves[i], wide = 100 / (curves[0].length - 1), small = make("div");
        const path = (curve) => `M${curve.map((v, j) => `${(j * wide).toFixed(1)} ${100 - v}`).join("L")}`;
        const d = curves.map(path).join(""); // numbers only
        small.innerHTML = `<svg viewBox="0 0 100 100" preserveAspectRatio="none"><path d="${d}"/></svg>`;
        return [small];
      }
      return behind.cells[i].map(([j, value, far]) => make("div", "", `${behind.names[j]} ${value} (${far})`));
    };

    const near = (x, y, box) => {
      let best = -1, least = 18 ** 2; // pixels
      data.x.forEach((v, i) => {
        const away = ((v / 1000 - x) * box.width) ** 2 + ((data.y[i] / 1000 - y) * box.height) ** 2;
        if (away < least) [best, least] = [i, away];
      });
      return best < 0 ? -1 : order.indexOf(best);
    };
    const tell = (k) => {
      const i = order[k], facts = [`row ${data.rows[i]}`];
      for (const { name, index, words, ramp, values } of data.colourings) {
        if (values) facts.push(`${name} ${values[i]}`);
        else if (!ramp && name === "label") facts.push(`${name} ${words[index[i]]}`);
      }
      return [...sample(i), make("div", "", facts.join(" · "))];
    };
    explore(chart, order.length, near, (k) => [data.x[order[k]] / 1000, data.y[order[k]] / 1000], tell, "ring");
    if (choice) choice.addEventListener("change", paint);
    if (data.colourings.length) paint();
  }

  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((item) => { item.open = true; }));
})();
