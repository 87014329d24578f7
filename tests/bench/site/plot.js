import * as Plot from "@observablehq/plot";

/** One panel for each benchmark: a dot for each subject's ratio and a line for its interval, beside what it is divided by. */
export function draw(panels, colours) {
  const subjects = Object.keys(colours);
  const charts = panels.map(({ title, rows }) =>
    Plot.plot({
      title,
      width: 1100,
      height: 40 + 30 * new Set(rows.map(({ figure }) => figure)).size,
      marginLeft: 600,
      marginRight: 20,
      x: { type: "log", grid: true, label: null, tickFormat: (ratio) => `${ratio}` },
      y: { label: null, domain: [...new Set(rows.map(({ figure }) => figure))] },
      color: { domain: subjects, range: Object.values(colours) },
      marks: [
        Plot.ruleX([1], { stroke: "#888" }),
        subjects.flatMap((subject, index) => {
          const own = rows.filter((row) => row.subject === subject);
          const dy = 6 * (index - (subjects.length - 1) / 2);
          const where = { y: "figure", stroke: "subject", dy };
          return [
            Plot.link(own, {
              ...where,
              x1: ({ interval }) => interval[0],
              x2: ({ interval }) => interval[1],
              y1: "figure",
              y2: "figure",
              strokeWidth: 2,
            }),
            Plot.dot(own, { ...where, x: "ratio", fill: "subject", r: 3 }),
          ];
        }),
      ],
    }),
  );
  return charts.map((chart) => {
    const svg = chart.tagName === "svg" ? chart : chart.querySelector("svg");
    return { markup: new XMLSerializer().serializeToString(svg), height: Number(svg.getAttribute("height")) };
  });
}
