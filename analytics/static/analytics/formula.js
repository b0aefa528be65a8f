/* What revenue would be if a factor were higher or lower: the factors multiply. */
"use strict";

(() => {
  const place = document.querySelector("[data-what-if]");
  if (!place) return;
  const base = JSON.parse(document.getElementById(place.dataset.whatIf).textContent);
  if (!base.revenue) return; // nothing to multiply
  const sliders = [...place.querySelectorAll("[data-factor]")];
  const written = (number, places) =>
    Math.abs(number).toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
  const money = (number) => `${number < 0 ? "−" : ""}${base.sign}${written(number, 2)}`;
  const percent = (number, places) => `${number < 0 ? "−" : "+"}${written(number * 100, places)}%`;
  const shown = (factor, value) => {
    if (factor.rate) return `${written(value * 100, 1)}%`;
    return factor.money ? money(value / 100) : written(value, 0);
  };

  const tell = () => {
    let revenue = base.revenue;
    sliders.forEach((slider) => {
      const factor = base.factors[slider.dataset.factor];
      const more = Number(slider.value) / 100;
      const text = `${shown(factor, factor.value * (1 + more))} (${percent(more, 0)})`;
      revenue *= 1 + more;
      place.querySelector(`[data-of="${slider.dataset.factor}"]`).textContent = text;
      slider.setAttribute("aria-valuetext", text);
    });
    const difference = revenue - base.revenue;
    place.querySelector("[data-revenue]").textContent = money(revenue);
    place.querySelector("[data-difference]").textContent =
      `${difference < 0 ? "" : "+"}${money(difference)} (${percent(difference / base.revenue, 1)})`;
  };

  place.hidden = false;
  sliders.forEach((slider) => slider.addEventListener("input", tell));
  place.querySelector("[data-reset]").addEventListener("click", () => {
    sliders.forEach((slider) => {
      slider.value = 0;
    });
    tell();
  });
  tell();
})();
