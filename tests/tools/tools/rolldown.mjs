import { fromModules, MODULE } from "../make.mjs";
import { full, slim } from "../pages.mjs";
import { pathIn } from "../project.mjs";

const command = [pathIn("rolldown/bin/cli.mjs"), "main.js", "--dir", "dist", "--module-types", ".wasm:asset"];

export default [
  {
    name: "Rolldown",
    package: "rolldown",
    pages: [full, slim("import.js")],
    make: (page) => fromModules("rolldown", page, command, MODULE),
  },
];
