// Vite, of two majors: what it builds, and what its server serves while one develops.

import { fromHtml, layOutSource } from "../make.mjs";
import { dedicated, free, full, shared, slim } from "../pages.mjs";
import { pathIn } from "../project.mjs";
import { serveByTool } from "../site.mjs";

const vite = (name) => {
  const program = pathIn(`${name}/bin/vite.js`);
  return [
    {
      name: "Vite, build",
      package: name,
      pages: [full, slim("beside.js"), dedicated, shared],
      make: (page) => fromHtml(name, page, [program, "build"]),
    },
    {
      name: "Vite, dev server",
      package: name,
      // Its client adds styles to the page.
      pages: [full, slim("url-query.js"), dedicated, shared].map(free),
      make: async (page) => serveByTool([program, "--host", "127.0.0.1"], await layOutSource(`${name}-dev`, page)),
    },
  ];
};

export default [...vite("vite"), ...vite("vite-before")];
