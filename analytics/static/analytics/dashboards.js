/* Draws the chart of a dashboard from the JSON beside it. The table has the same figures. */
"use strict";

(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /* Writes each bar's text at its end, as long as there is room. */
  const texts = {
    id: "texts",
    afterDatasetsDraw(chart) {
      const { ctx, chartArea, options } = chart;
      const lying = options.indexAxis === "y";
      ctx.save();
      ctx.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
      ctx.textBaseline = lying ? "middle" : "bottom";
      chart.data.datasets.forEach((set, number) => {
        chart.getDatasetMeta(number).data.forEach((bar, place) => {
          const text = set.texts[place];
          if (set.data[place] === null) return;
          const width = ctx.measureText(text).width;
          if (lying) {
            const inside = bar.x + 8 + width > chartArea.right;
            ctx.fillStyle = inside ? colour("--brand-ink") : colour("--ink");
            ctx.textAlign = inside ? "right" : "left";
            ctx.fillText(text, bar.x + (inside ? -8 : 8), bar.y);
          } else if (width <= bar.width * 1.1) {
            ctx.fillStyle = colour("--ink-2");
            ctx.textAlign = "center";
            ctx.fillText(text, bar.x, Math.min(bar.y, bar.base) - 4);
          }
        });
      });
      ctx.restore();
    },
  };

  /* A name over two lines, broken where its words end, so that it stands under its own bars. */
  const size = (text) => [...text].reduce((sum, sign) => sum + (sign > "\u2e7f" ? 2 : 1), 0);
  const pieces = (word, most) => {
    if (size(word) <= most) return [word];
    const half = Math.ceil([...word].length / 2);
    return [[...word].slice(0, half).join(""), [...word].slice(half).join("")];
  };
  const folded = (name, most) => {
    const lines = [""];
    const words = name.split(/\s+(?:·\s+)?/);
    (words.length > 1 ? words : pieces(name, most)).forEach((word) => {
      const last = lines.length - 1;
      const joined = `${lines[last]} ${word}`.trim();
      if (!lines[last] || (words.length > 1 && size(joined) <= most)) lines[last] = joined;
      else lines.push(word);
    });
    const cut = (line) => {
      if (size(line) <= most) return line;
      const signs = [...line];
      while (size(signs.join("")) > most - 1) signs.pop();
      return `${signs.join("")}…`;
    };
    return lines.length > 2 ? [cut(lines[0]), cut(lines.slice(1).join(" "))] : lines.map(cut);
  };

  /* Lines over an axis of per cent: the first one is meant, further ones are there to compare. */
  const curve = (data) => {
    const axis = (title, most) => ({
      title: { display: true, text: title, color: colour("--ink-2") },
      border: { display: false },
      grid: { color: colour("--line") },
      ticks: { color: colour("--ink-2"), maxTicksLimit: most, maxRotation: 0 },
    });
    return {
      type: "line",
      data: {
        labels: data.labels,
        datasets: data.series.map((series, number) => ({
          label: series.label,
          data: series.values,
          texts: series.texts,
          borderColor: colour(number ? "--ink-3" : "--brand"),
          backgroundColor: colour("--brand-soft"),
          borderWidth: number ? 1.5 : 3,
          borderDash: number ? [5, 5] : [],
          fill: number === 0 ? "origin" : false,
          order: number ? 0 : 1, // above the filled one
          pointRadius: 0,
          pointHitRadius: 12,
        })),
      },
      options: {
        responsive: true,
        maintainAspectRatio: false,
        animation: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: axis(data.axes?.[0], 6),
          y: { ...axis(data.axes?.[1], 6), min: 0, max: 100, ticks: { color: colour("--ink-2"), callback: (value) => `${value} %` } },
        },
        plugins: {
          legend: { align: "start", labels: { color: colour("--ink-2"), usePointStyle: true, pointStyle: "line" } },
          tooltip: { callbacks: { label: (at) => `${at.dataset.label}: ${at.dataset.texts[at.dataIndex]}` } },
        },
      },
    };
  };

  /* The same lines over an axis of any unit, from nought on. */
  const course = (data) => {
    const chart = curve(data);
    const y = chart.options.scales.y;
    delete y.min;
    delete y.max;
    y.beginAtZero = true;
    y.title.display = false;
    chart.options.scales.x.title.display = false;
    y.ticks.callback = (value) => (data.percent ? `${value} %` : value.toLocaleString("en"));
    return chart;
  };

  /* Days as a line, in the band of what is usual; days that are off stand out. */
  const banded = (data) => {
    const [days, usual, low, high] = data.series;
    const plain = { pointRadius: 0, pointHitRadius: 0, borderWidth: 0 };
    const axis = (more) => ({
      border: { display: false },
      grid: { display: false },
      ticks: { color: colour("--ink-2"), maxRotation: 0, autoSkipPadding: 16, maxTicksLimit: 8 },
      ...more,
    });
    const tone = data.off.map((off) => colour(off ? "--bad" : "--brand"));
    return {
      type: "line",
      data: {
        labels: data.labels,
        datasets: [
          {
            label: days.label, data: days.values, texts: days.texts, borderColor: colour("--brand"),
            borderWidth: 2, pointBackgroundColor: tone, pointBorderColor: tone,
            pointRadius: data.off.map((off) => (off ? 4 : data.labels.length > 60 ? 0 : 2)),
          },
          {
            label: usual.label, data: usual.values, texts: usual.texts, ...plain, borderWidth: 2,
            borderColor: colour("--ink-3"), borderDash: [4, 4],
          },
          { label: low.label, data: low.values, texts: low.texts, ...plain },
          {
            label: high.label, data: high.values, texts: high.texts, ...plain, fill: "-1",
            backgroundColor: colour("--brand-soft"),
          },
        ],
      },
      options: {
        responsive: true,
        maintainAspectRatio: false,
        animation: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: axis({}),
          y: axis({ beginAtZero: true, grid: { color: colour("--line") } }),
        },
        plugins: {
          legend: {
            align: "start",
            labels: {
              color: colour("--ink-2"), usePointStyle: true, boxHeight: 8,
              filter: (item) => item.datasetIndex < 2,
            },
          },
          tooltip: {
            callbacks: { label: (at) => `${at.dataset.label}: ${at.dataset.texts[at.dataIndex]}` },
          },
        },
      },
    };
  };

  const look = (data, width) => {
    const lines = data.kind === "lines";
    const stacks = data.kind === "stacks";
    const pairs = ["pairs", "lines", "stacks"].includes(data.kind); // standing
    const room = pairs ? (width - 48) / data.labels.length : width; // less the axis
    const narrow = pairs && room < 120;
    const months = lines || data.labels.every((name) => /^\d{4}-\d{2}$/.test(name));
    const many = ["--brand", "--good", "--warn", "--ink-3"];
    const few = pairs && data.series.length > 1 ? ["--ink-3", "--brand"] : ["--brand"];
    const colours = data.series.length > 2 ? many : few;
    const value = {
      beginAtZero: true,
      border: { display: false },
      grid: { color: colour("--line") },
      ticks: { color: colour("--ink-2"), maxTicksLimit: 6 },
    };
    const label = {
      border: { display: false },
      grid: { display: false },
      ticks: {
        color: colour("--ink"),
        autoSkip: pairs && (months || room < 32),
        ...(narrow ? { maxRotation: 0, font: { size: 11 }, autoSkipPadding: 12 } : {}),
      },
    };
    return {
      type: lines ? "line" : "bar",
      plugins: lines || stacks ? [] : [texts],
      data: {
        labels: narrow && !months ? data.labels.map((name) => folded(name, Math.floor(room / 6))) : data.labels,
        datasets: data.series.map((series, number) => ({
          label: series.label,
          data: series.values,
          texts: series.texts,
          backgroundColor: colour(colours[number % colours.length]),
          ...(lines ? { borderColor: colour(colours[number % colours.length]), borderWidth: 2, pointRadius: 2, tension: 0.2 } : {}),
          borderRadius: 6,
          maxBarThickness: pairs ? 48 : 36,
          categoryPercentage: 0.72,
          barPercentage: 0.88,
        })),
      },
      options: {
        indexAxis: pairs ? "x" : "y",
        responsive: true,
        maintainAspectRatio: false,
        animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 400 },
        layout: { padding: { top: pairs ? 16 : 0 } },
        scales: stacks
          ? { x: { ...label, stacked: true }, y: { ...value, stacked: true } }
          : pairs ? { x: label, y: value } : { x: { ...value, display: false }, y: label },
        plugins: {
          legend: {
            display: pairs,
            align: "start",
            labels: { color: colour("--ink-2"), usePointStyle: true, boxHeight: 8 },
          },
          tooltip: {
            callbacks: {
              title: (at) => data.labels[at[0].dataIndex],
              label: (at) => `${at.dataset.label}: ${at.dataset.texts[at.dataIndex]}`,
            },
          },
        },
      },
    };
  };

  /* Each change floats where the one before left off; lying down where there is little room. */
  const waterfall = (data, width) => {
    const lying = width < 640;
    const colours = { total: "--brand", plus: "--good", minus: "--bad" };
    const [series] = data.series;
    const highest = Math.max(...series.values.map(([, high]) => high));
    const room = highest - data.base;
    const ticks = { color: colour("--ink-2"), maxTicksLimit: 6 };
    const value = {
      min: data.base,
      max: Math.max(1, highest + room * (lying ? 0.3 : 0.08)),
      border: { display: false },
      display: !lying,
      grid: { color: colour("--line") },
      ticks: { ...ticks, callback: (at) => (at <= highest && at % 1 === 0 ? at.toLocaleString("en") : "") },
    };
    const label = {
      border: { display: false },
      grid: { display: false },
      ticks: { color: colour("--ink"), autoSkip: false, maxRotation: 0 },
    };
    const labels = lying ? data.labels : data.labels.map((name) => folded(name, Math.floor((width - 48) / data.labels.length / 7)));
    return {
      type: "bar",
      plugins: [texts],
      data: {
        labels,
        datasets: [
          {
            label: series.label,
            data: series.values,
            texts: series.texts,
            backgroundColor: data.tones.map((tone) => colour(colours[tone])),
            borderRadius: 4,
            borderSkipped: false,
            minBarLength: 2,
            maxBarThickness: lying ? 28 : 72,
            categoryPercentage: 0.86,
          },
        ],
      },
      options: {
        indexAxis: lying ? "y" : "x",
        responsive: true,
        maintainAspectRatio: false,
        animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 400 },
        layout: { padding: { top: lying ? 0 : 16 } },
        scales: lying ? { x: value, y: label } : { x: label, y: value },
        plugins: {
          legend: { display: false },
          tooltip: {
            callbacks: {
              title: (at) => data.labels[at[0].dataIndex],
              label: (at) => at.dataset.texts[at.dataIndex],
            },
          },
        },
      },
    };
  };

  /* One's own shape over another's; both on the same scale from nought. */
  const radar = (data) => ({
    type: "radar",
    data: {
      labels: data.labels,
      datasets: data.series.map((series, number) => ({
        label: series.label,
        data: series.values,
        borderColor: colour(number ? "--ink-3" : "--brand"),
        backgroundColor: number ? "transparent" : colour("--brand-soft"),
        borderDash: number ? [5, 5] : [],
        borderWidth: number ? 1.5 : 2.5,
        pointRadius: number ? 0 : 3,
        pointBackgroundColor: colour("--brand"),
        order: number ? 0 : 1, // above the filled one
      })),
    },
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      scales: {
        r: {
          min: 0,
          max: data.most,
          angleLines: { color: colour("--line") },
          grid: { color: colour("--line") },
          pointLabels: { color: colour("--ink"), font: { size: 12 } },
          ticks: { stepSize: 1, color: colour("--ink-3"), backdropColor: "transparent" },
        },
      },
      plugins: { legend: { labels: { color: colour("--ink-2"), usePointStyle: true, pointStyle: "line" } } },
    },
  });

  const kinds = { band: banded, course, curve, radar, waterfall };
  const layout = (data, width) => (kinds[data.kind] ?? look)(data, width);

  /* The chart as a picture, on the colour of the page. */
  const save = (canvas) => {
    const copy = document.createElement("canvas");
    copy.width = canvas.width;
    copy.height = canvas.height;
    const ink = copy.getContext("2d");
    ink.fillStyle = colour("--paper");
    ink.fillRect(0, 0, copy.width, copy.height);
    ink.drawImage(canvas, 0, 0);
    const link = document.createElement("a");
    link.href = copy.toDataURL("image/png");
    link.download = `${document.querySelector("h1").textContent.trim()}.png`;
    link.click();
  };

  const draw = () => {
    document.querySelectorAll("[data-chart]").forEach((place) => {
      const data = JSON.parse(document.getElementById(place.dataset.chart).textContent);
      const canvas = place.querySelector("canvas");
      Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
      let width = place.clientWidth;
      let chart = new Chart(canvas, layout(data, width));
      const again = () => {
        chart.destroy();
        chart = new Chart(canvas, layout(data, width));
      };
      const picture = place.closest(".card").querySelector("[data-picture]");
      if (picture) {
        picture.hidden = false;
        picture.addEventListener("click", () => save(canvas));
      }
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
      addEventListener("resize", () => {
        if (place.clientWidth === width) return;
        width = place.clientWidth;
        again();
      });
    });
  };
  /* On a phone the row of dashboards scrolls: the one that is open is in sight. */
  const row = document.querySelector(".dashboards");
  const here = row?.querySelector("[aria-current]");
  if (here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;

  draw();
})();
