// The rows as a picture, which the browser that is there anyhow draws.

/** Told apart also by those who see colours otherwise (Okabe and Ito). */
const COLOURS = { evenkeel: "#d55e00", "reconnecting-websocket": "#0072b2", partysocket: "#009e73" };

const WIDTH = 1_100;
const TITLE = 34;
const MARGIN = 16;

const text = (x, y, words, style = "") =>
  `<text x="${x}" y="${y}" font-family="sans-serif" font-size="13" ${style}>${words}</text>`;

/** Runs in the page. */
async function draw(panels, colours) {
  const { draw } = await import("/built/plot.js");
  return draw(panels, colours);
}

/** An SVG with a panel for each `{ title, rows }`. */
export async function plot(stage, panels) {
  await stage.fresh();
  const drawn = await stage.page.run(draw, panels, COLOURS);
  const legend = Object.entries(COLOURS).map(
    ([subject, colour], index) =>
      `<circle cx="${MARGIN + 6 + 190 * index}" cy="20" r="5" fill="${colour}"/>${text(MARGIN + 18 + 190 * index, 24, subject)}`,
  );
  let top = TITLE + MARGIN;
  const parts = drawn.map(({ markup, height }, index) => {
    const title = text(MARGIN, top + 14, panels[index].title, 'font-weight="bold"');
    const part = `${title}<g transform="translate(0 ${top + TITLE - MARGIN})">${markup}</g>`;
    top += TITLE + height + MARGIN;
    return part;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}">`,
    `<rect width="${WIDTH}" height="${top}" fill="white"/>`,
    ...legend,
    ...parts,
    "</svg>\n",
  ].join("\n");
}
