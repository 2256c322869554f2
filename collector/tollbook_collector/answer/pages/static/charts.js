// Draws each .chart of the page: its data-chart holds x (seconds), unit, bucket_s and series, as chart.py writes them.
"use strict";
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const usd = (value) => {
    if (!value) return "$0";
    const size = Math.abs(value);
    if (size >= 1) return "$" + value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    return "$" + value.toPrecision(3).replace(/0+$/, "").replace(/\.$/, "");
  };
  const FORMATS = { usd, ms: (value) => `${Math.round(value)} ms`, count: (value) => value.toLocaleString("en") };
  const colour = (series, index) => style(series.other ? "--other" : `--c${index % 8}`);
  const utc = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");

  const two = (number) => String(number).padStart(2, "0");
  // The time of day, and the date under the first tick and wherever it changes; days alone where a tick is a day.
  const instants = (plot, ticks, _axis, _space, step) => ticks.map((tick, at) => {
    const time = new Date(tick * 1000);
    const date = `${time.getUTCDate()} ${time.toLocaleString("en", { month: "short", timeZone: "UTC" })}`;
    if (step >= 86400) return date;
    const turned = at === 0 || new Date(ticks[at - 1] * 1000).getUTCDate() !== time.getUTCDate();
    return `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}${turned ? "\n" + date : ""}`;
  });

  function stacked(series, count) {
    const sums = new Array(count).fill(0);
    return series.map((one) => one.values.map((value, at) => (sums[at] += value)));
  }

  function legend(box, chart) {
    const list = document.createElement("ul");
    list.className = "legend";
    const time = document.createElement("li");
    list.append(time);
    const values = chart.series.map((one, index) => {
      const item = document.createElement("li");
      const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      mark.setAttribute("viewBox", "0 0 1 1");
      mark.setAttribute("aria-hidden", "true");
      const square = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      square.setAttribute("width", "1");
      square.setAttribute("height", "1");
      square.setAttribute("fill", colour(one, index));
      mark.append(square);
      const value = document.createElement("span");
      value.className = "value";
      item.append(mark, one.label, value);
      list.append(item);
      return value;
    });
    box.after(list);
    return (at) => {
      const format = FORMATS[chart.unit];
      time.textContent = at === null ? "" : `${utc(chart.x[at])} UTC`;
      values.forEach((value, index) => (value.textContent = at === null || chart.series[index].values[at] === null ? "" : format(chart.series[index].values[at])));
    };
  }

  // Instants that a reader should see: a line from top to bottom with its word; a word that would cover another is left out.
  function mark(plot, marks) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = style("--bad");
    ctx.lineWidth = devicePixelRatio;
    ctx.font = `${12 * devicePixelRatio}px system-ui`;
    let free = -Infinity;
    for (const one of marks) {
      const x = Math.round(plot.valToPos(one.x, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const wide = ctx.measureText(one.label).width + 8 * devicePixelRatio;
      if (x < free) continue;
      const left = x + wide > bbox.left + bbox.width;
      ctx.textAlign = left ? "right" : "left";
      ctx.fillText(one.label, x + (left ? -4 : 4) * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
      free = x + wide;
    }
    ctx.restore();
  }

  function draw(box) {
    const chart = JSON.parse(box.dataset.chart);
    const lines = chart.kind === "lines";
    const tops = lines ? chart.series.map((one) => one.values) : stacked(chart.series, chart.x.length);
    const format = FORMATS[chart.unit];
    if (box.nextElementSibling?.className === "legend") box.nextElementSibling.remove();
    box.replaceChildren();
    const say = legend(box, chart);
    const axis = { stroke: style("--soft"), grid: { stroke: style("--faint"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    // The highest sum is drawn first, and each lower one over it.
    const order = chart.series.map((_, index) => index).reverse();
    const options = {
      width: box.clientWidth,
      height: box.clientHeight,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
      // A bar stands to the right of its start: the last one needs its width. A single point stands between its neighbours to be.
      scales: { x: { range: (_, low, high) => [lines && low === high ? low - chart.bucket_s : low, lines && low < high ? high : high + chart.bucket_s] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.05 : 1] } },
      axes: [{ ...axis, values: instants }, { ...axis, size: 64, values: (_, ticks) => ticks.map(format) }],
      series: [{}, ...order.map((index) => ({
        label: chart.series[index].label,
        stroke: colour(chart.series[index], index),
        points: { show: lines && chart.x.length < 2 },
        ...(lines ? { width: 2 } : { width: 0, fill: colour(chart.series[index], index), paths: uPlot.paths.bars({ size: [1, Infinity], align: 1, gap: box.clientWidth / chart.x.length > 4 ? 1 : 0 }) }),
      }))],
      hooks: { setCursor: [(plot) => say(plot.cursor.idx ?? null)], draw: [(plot) => mark(plot, chart.marks ?? [])] },
    };
    return new uPlot(options, [chart.x, ...order.map((index) => tops[index])], box);
  }

  addEventListener("DOMContentLoaded", () => {
    const boxes = [...document.querySelectorAll(".chart")];
    let plots = boxes.map(draw);
    const again = () => {
      plots.forEach((plot) => plot.destroy());
      plots = boxes.map(draw);
    };
    addEventListener("themechange", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    new ResizeObserver(() => plots.forEach((plot, at) => plot.setSize({ width: boxes[at].clientWidth, height: boxes[at].clientHeight }))).observe(document.body);
  });
})();
