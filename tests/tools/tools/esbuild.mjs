import { fromModules, SCRIPT } from "../make.mjs";
import { full, slim } from "../pages.mjs";
import { pathIn } from "../project.mjs";

const command = [pathIn("esbuild/bin/esbuild"), "main.js", "--bundle", "--outdir=dist", "--loader:.wasm=file"];

export default [
  {
    name: "esbuild",
    package: "esbuild",
    pages: [full, slim("import.js")],
    make: (page) => fromModules("esbuild", page, command, SCRIPT),
  },
];
