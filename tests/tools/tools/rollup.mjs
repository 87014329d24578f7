import { fromModules, MODULE } from "../make.mjs";
import { full, slim } from "../pages.mjs";
import { pathIn } from "../project.mjs";

// By itself it resolves no packages, and knows no files but modules.
const plugins = ["--plugin", "node-resolve", "--plugin", 'url={ include: "**/*.wasm", limit: 0 }'];
const command = [pathIn("rollup/dist/bin/rollup"), "main.js", "--dir", "dist", ...plugins];

export default [
  {
    name: "Rollup",
    package: "rollup",
    pages: [full, slim("import.js")],
    make: (page) => fromModules("rollup", page, command, MODULE),
  },
];
