// Browsers driven by WebDriver, with a record of what their console complains about.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Browser, Builder, Capabilities, logging } from "selenium-webdriver";
import logInspector from "selenium-webdriver/bidi/logInspector.js";
import chrome from "selenium-webdriver/chrome.js";
import firefox from "selenium-webdriver/firefox.js";
import { required } from "./environment.mjs";
import { Display, driverService } from "./webkit.mjs";

/** The browsers that every test of a page runs in: the one that EVENKEEL_BROWSER names, else those of every change. */
export const BROWSERS = process.env.EVENKEEL_BROWSER ? [process.env.EVENKEEL_BROWSER] : ["chromium", "firefox"];

/** The longest that a script in a page may take, in ms. */
const SCRIPT_TIMEOUT = 60_000;

/** The longest that something in a page is waited for, and the time between two looks, in ms. */
const PATIENCE = 30_000;
const POLLING = 50;

const ENGINES = {
  chromium: {
    name: Browser.CHROME,
    options: "goog:chromeOptions",
    program: "CHROME",
    driver: "CHROMEDRIVER",
    service: (program) => new chrome.ServiceBuilder(program),
    setService: (builder, service) => builder.setChromeService(service),
    processId: "goog:processID",
  },
  firefox: {
    name: Browser.FIREFOX,
    options: "moz:firefoxOptions",
    program: "FIREFOX",
    driver: "GECKODRIVER",
    service: (program) => new firefox.ServiceBuilder(program),
    setService: (builder, service) => builder.setFirefoxService(service),
    processId: "moz:processID",
  },
  webkit: { name: "MiniBrowser", driver: "SAFARIDRIVER" },
};

/**
 * Timers of hidden pages go once a minute after 10 s instead of 5 minutes: so that a test need not take longer than it
 * must, to see them do so.
 */
const SOON_THROTTLED = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/10";

/**
 * Starts a browser, headless, with one empty page: in a network of its own, if a `namespace` is given; and `throttling`
 * the timers of hidden pages as it does for its users, if that is said, or "soon", where that takes minutes else.
 * `preferences` are Firefox's. Chromium `unobserved` tells its driver nothing of messages, each of which takes several times as long
 * otherwise; without that, what needs WebDriver BiDi is not to be had.
 */
export async function launch(browser, { namespace, throttling = false, preferences = {}, unobserved = false } = {}) {
  const engine = ENGINES[browser];
  const settings = JSON.parse(await readFile(new URL("../../xtask/browsers.json", import.meta.url), "utf8"))[browser];
  if (engine.options) settings[engine.options].binary = required(engine.program);
  if (browser === "firefox") Object.assign(settings[engine.options].prefs, preferences);
  if (browser === "chromium") {
    // Chromium refuses its sandbox to root, and containers have little shared memory.
    settings[engine.options].args.push("--disable-dev-shm-usage", ...sandbox());
    if (throttling) {
      settings[engine.options].binary = fileURLToPath(new URL("throttling-chromium.sh", import.meta.url));
      if (throttling === "soon") settings[engine.options].args.push(SOON_THROTTLED);
    }
    settings["goog:loggingPrefs"] = { [logging.Type.BROWSER]: "SEVERE" };
  }
  const bidi = browser !== "webkit" && !(unobserved && browser === "chromium") && { webSocketUrl: true };
  const capabilities = new Capabilities({ browserName: engine.name, ...bidi, ...settings });
  const builder = new Builder().withCapabilities(capabilities);
  const program = required(engine.driver);
  const ends = [];
  try {
    const display = browser === "webkit" ? await Display.open() : undefined;
    if (display) ends.push(() => display.close());
    if (namespace) {
      builder.usingServer(await namespace.startDriver(program, display?.environment));
    } else if (display) {
      const service = await driverService(program, display.environment);
      ends.unshift(() => service.kill());
      builder.usingServer(await service.start());
    } else {
      engine.setService(builder, engine.service(program));
    }
    const driver = await builder.build();
    ends.unshift(() => driver.quit());
    await driver.manage().setTimeouts({ script: SCRIPT_TIMEOUT });
    // Where the browser does not say, it is below this process, and the only one of its kind there.
    const processId = (await driver.getCapabilities()).get(engine.processId) ?? process.pid;
    const page = new Page(driver, processId, ends, { readsLog: browser === "chromium", bidi: !!bidi });
    if (browser === "firefox") await page.listen();
    return page;
  } catch (error) {
    for (const end of ends) await end();
    throw error;
  }
}

const sandbox = () => (process.getuid?.() === 0 ? ["--no-sandbox"] : []);

class Page {
  #problems = [];
  #ends;
  #readsLog;
  #bidi;

  constructor(driver, processId, ends, { readsLog, bidi }) {
    this.driver = driver;
    /** Of the browser's first process, or one above it: no page runs in it. */
    this.processId = processId;
    this.#ends = ends;
    this.#readsLog = readsLog;
    this.#bidi = bidi;
  }

  /** Records errors of the console and exceptions that nobody caught, where the driver has no log of them. */
  async listen() {
    const inspector = await logInspector(this.driver);
    await inspector.onLog(({ level, text }) => {
      if (level === "error") this.#problems.push(text);
    });
  }

  /** What the console has complained about since the last time this was asked. */
  async problems() {
    if (!this.#readsLog) return this.#problems.splice(0);
    const entries = await this.driver.manage().logs().get(logging.Type.BROWSER);
    return entries.filter(({ level }) => level === logging.Level.SEVERE).map(({ message }) => message);
  }

  async open(url) {
    await this.driver.get(url);
  }

  /** Goes back to the page before. */
  async back() {
    await this.driver.navigate().back();
  }

  /** Brings the tab to the front, where the driver can: WebKit's leaves it where it is. */
  async activate() {
    if (this.#bidi) await this.#command("activate", {});
  }

  /** Does something while another page lies in front of this one. */
  async whileHidden(action) {
    const hidden = await this.driver.getWindowHandle();
    await this.driver.switchTo().newWindow("tab");
    try {
      await action();
    } finally {
      await this.driver.close();
      await this.driver.switchTo().window(hidden);
    }
  }

  /** Calls a function in the page with plain data and gives what it returns or resolves with. */
  async run(script, ...values) {
    const outcome = await this.driver.executeAsyncScript(
      `const [values, done] = arguments;
       (async () => (${script})(...values))().then(
         (value) => done({ value }),
         (error) => done({ error: String(error) + "\\n" + (error && error.stack) }),
       );`,
      values,
    );
    if (outcome.error) throw new Error(`in the page: ${outcome.error}`);
    return outcome.value;
  }

  /** Whether the condition, a function in the page, comes to hold within so many ms. */
  async hopeFor(condition, patience, ...values) {
    const deadline = Date.now() + patience;
    for (;;) {
      if (await this.run(condition, ...values)) return true;
      if (Date.now() > deadline) return false;
      await pause(POLLING);
    }
  }

  /** Waits until the condition holds; `what` is that, in words. */
  async until(condition, what, ...values) {
    if (!(await this.hopeFor(condition, PATIENCE, ...values))) throw new Error(`not within ${PATIENCE} ms: ${what}`);
  }

  /** Sets the size that the page has to itself, in CSS pixels. */
  async viewport(width, height) {
    await this.#command("setViewport", { viewport: { width, height } });
  }

  /** Writes a picture of the whole page, what lies below the fold included, as PNG. */
  async screenshot(file) {
    // Else a header that sticks to the top of the window would lie across the middle of the picture.
    await this.run(() => scrollTo({ top: 0, behavior: "instant" }));
    const { data } = await this.#command("captureScreenshot", { origin: "document" });
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, data, "base64");
  }

  async #command(name, parameters) {
    const bidi = await this.driver.getBidi();
    const context = await this.driver.getWindowHandle();
    const answer = await bidi.send({ method: `browsingContext.${name}`, params: { context, ...parameters } });
    if (answer.error) throw new Error(`${name}: ${answer.error}: ${answer.message}`);
    return answer.result;
  }

  async quit() {
    for (const end of this.#ends) await end();
  }
}
