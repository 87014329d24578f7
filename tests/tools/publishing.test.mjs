// Whether the registries would take the package and the crate. Nothing is published.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pack, root, run } from "../support/package.mjs";

/** Runs a program and gives all that it printed, warnings included. */
function printed(program, parameters, folder) {
  const { status, stdout, stderr } = spawnSync(program, parameters, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
}

test("npm would publish the tarball as it is, without a word of warning", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-publishing-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await run("tar", ["-xzf", await pack(folder)], folder);
  const unpacked = join(folder, "package");
  // The version at hand may have been published, which would be an error even now.
  await run("npm", ["pkg", "set", "version=0.0.0-trial.0"], unpacked);
  const options = ["--dry-run", "--loglevel=notice", "--ignore-scripts", "--tag", "trial", "--access", "public"];
  const output = printed("npm", ["publish", ...options], unpacked);
  assert.match(output, /^\+ evenkeel@0\.0\.0-trial\.0$/m);
  const warnings = output.split("\n").filter((line) => /^npm (warn|error)/i.test(line));
  // Only the release has the right to publish.
  assert.deepEqual(
    warnings.filter((line) => !line.includes("requires you to be logged in")),
    [],
  );
});

test("cargo would publish the crate: all of the core, its driver of the web, and what the licences ask for", async () => {
  const cargo = (...parameters) => printed("cargo", [...parameters, "--allow-dirty", "-p", "evenkeel"], root);
  const listed = cargo("package", "--list", "--quiet").trim().split("\n");
  const sources = (await run("git", ["ls-files", "--", "src/*.rs"])).trim().split("\n");
  const made = [".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml", "Cargo.toml.orig"];
  const documents = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
  assert.deepEqual(listed.toSorted(), [...made, ...documents, ...sources].toSorted());

  const output = cargo("publish", "--dry-run");
  assert.match(output, /aborting upload due to dry run/);
  const warnings = output.split("\n").filter((line) => line.startsWith("warning:"));
  // Tests stay in the workshop, and so does what its profiles say of tools.
  assert.deepEqual(
    warnings.filter(
      (line) => !/^warning: (ignoring test|aborting upload due to dry run|profile package spec)/.test(line),
    ),
    [],
  );
});
