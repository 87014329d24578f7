// The processes of a browser, as Linux tells of them.

import { readdir, readFile } from "node:fs/promises";

/** What the command lines of processes that run pages hold: Chromium's, Firefox's and WebKitGTK's. */
const RUNS_PAGES = /--type=renderer|-isForBrowser|WebKitWebProcess/;

/** Runs something while every page of a browser stands still, as on a machine that sleeps. */
export async function whilePaused(browser, action) {
  const paused = await renderers(browser);
  if (!paused.length) throw new Error(`the browser ${browser} has no process that runs pages`);
  const tell = (signal) => paused.forEach((pid) => void process.kill(pid, signal));
  tell("SIGSTOP");
  try {
    return await action();
  } finally {
    tell("SIGCONT");
  }
}

/** The ids of the processes that run a browser's pages; `browser` is that of its first process. */
async function renderers(browser) {
  const ids = (await readdir("/proc")).map(Number).filter((id) => id > 0);
  const all = (await Promise.all(ids.map(look))).filter((it) => it !== undefined);
  const below = (parent) =>
    all.filter((process) => process.parent === parent).flatMap((process) => [process, ...below(process.id)]);
  return below(browser)
    .filter(({ command }) => RUNS_PAGES.test(command))
    .map(({ id }) => id);
}

/** A process, or undefined when it has ended meanwhile. */
async function look(id) {
  try {
    const [command, stat] = await Promise.all(
      ["cmdline", "stat"].map((file) => readFile(`/proc/${id}/${file}`, "utf8")),
    );
    // The name before it, in brackets, may hold anything.
    const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { id, command, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
