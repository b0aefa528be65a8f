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

  const look = (data) => {
    const pairs = data.kind === "pairs";
    const colours = pairs ? ["--ink-3", "--brand"] : ["--brand"];
    const value = {
      beginAtZero: true,
      border: { display: false },
      grid: { color: colour("--line") },
      ticks: { color: colour("--ink-2"), maxTicksLimit: 6 },
    };
    const label = {
      border: { display: false },
      grid: { display: false },
      ticks: { color: colour("--ink"), autoSkip: pairs },
    };
    return {
      type: "bar",
      plugins: [texts],
      data: {
        labels: data.labels,
        datasets: data.series.map((series, number) => ({
          label: series.label,
          data: series.values,
          texts: series.texts,
          backgroundColor: colour(colours[number % colours.length]),
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
        scales: pairs ? { x: label, y: value } : { x: { ...value, display: false }, y: label },
        plugins: {
          legend: {
            display: pairs,
            align: "start",
            labels: { color: colour("--ink-2"), usePointStyle: true, boxHeight: 8 },
          },
          tooltip: {
            callbacks: { label: (at) => `${at.dataset.label}: ${at.dataset.texts[at.dataIndex]}` },
          },
        },
      },
    };
  };

  const draw = () => {
    document.querySelectorAll("[data-chart]").forEach((place) => {
      const data = JSON.parse(document.getElementById(place.dataset.chart).textContent);
      const canvas = place.querySelector("canvas");
      Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
      let chart = new Chart(canvas, look(data));
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        chart.destroy();
        chart = new Chart(canvas, look(data));
      });
    });
  };
  draw();
})();
