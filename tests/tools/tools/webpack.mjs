import { fromModules, SCRIPT } from "../make.mjs";
import { dedicated, full, shared, slim } from "../pages.mjs";
import { pathIn } from "../project.mjs";

const command = [pathIn("webpack-cli/bin/cli.js"), "build", "./main.js", "--mode", "production"];

export default [
  {
    name: "webpack",
    package: "webpack",
    pages: [full, slim("beside.js"), dedicated, shared],
    make: (page) => fromModules("webpack", page, command, SCRIPT),
  },
];
