import { fromHtml } from "../make.mjs";
import { dedicated, full, shared, slim } from "../pages.mjs";
import { pathIn } from "../project.mjs";

const command = [pathIn("parcel/lib/bin.js"), "build", "index.html", "--no-cache"];

/** A folder with a lock file is a project; its `package.json` says whether the `exports` of packages count. */
const project = (settings) => ({
  "package.json": JSON.stringify({ private: true, ...settings }),
  "package-lock.json": "{}",
});

const withExports = { "@parcel/resolver-default": { packageExports: true } };

export default [
  {
    name: "Parcel",
    package: "parcel",
    pages: [full, { ...slim("beside.js"), settings: withExports }, dedicated, shared],
    make: (page) => fromHtml("parcel", page, command, project(page.settings)),
  },
];
