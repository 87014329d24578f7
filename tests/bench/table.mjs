// Figures as a table for people, in Markdown: what the base took, and the ratio of each subject to it.

import { medianRatio, rowsOf } from "./ratio.mjs";

const short = (number) =>
  number >= 1_000 ? Math.round(number).toLocaleString("en") : String(Number(number.toPrecision(3)));

const line = (cells) => `| ${cells.join(" | ")} |`;

/** Of figures that have the same subjects. */
export function tableOf(figures) {
  if (!figures.length) return "";
  const subjects = [...new Set(figures.flatMap((figure) => rowsOf(figure).map(({ subject }) => subject)))];
  const rows = figures.map((figure) => {
    const { ratio: median } = medianRatio(figure.samples[figure.base]);
    const rows = rowsOf(figure);
    const cells = subjects.map((name) => {
      const row = rows.find(({ subject }) => subject === name);
      return row ? `${short(row.ratio)} (${row.interval.map(short).join(" to ")})` : "";
    });
    return line([figure.figure, `${figure.base}: ${short(median)} ${figure.unit}`, ...cells]);
  });
  const head = ["figure", "divided by", ...subjects];
  return [line(head), line(head.map(() => "---")), ...rows].join("\n");
}
