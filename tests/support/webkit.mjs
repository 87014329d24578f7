// WebKitGTK: its browser needs a display, and its driver is one that selenium does not know how to start.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { findFreePort } from "selenium-webdriver/net/portprober.js";
import { DriverService } from "selenium-webdriver/remote/index.js";

/** A display that nobody sees. */
export class Display {
  #child;

  static async open() {
    const display = new Display();
    const child = spawn("Xvfb", ["-displayfd", "1"], { stdio: ["ignore", "pipe", "ignore"] });
    display.#child = child;
    const failed = new Promise((_, reject) =>
      child.once("error", reject).once("exit", (code) => reject(new Error(`Xvfb ended with ${code}`))),
    );
    failed.catch(() => undefined);
    const number = new Promise((resolve) => createInterface(child.stdout).once("line", resolve));
    display.environment = { ...process.env, DISPLAY: `:${await Promise.race([number, failed])}` };
    return display;
  }

  close() {
    this.#child.kill();
  }
}

/** The driver, on a free port: `start()` gives its address, `kill()` ends it. */
export async function driverService(program, env) {
  const port = await findFreePort();
  return new DriverService(program, { loopback: true, port, args: [`--port=${port}`], env });
}
