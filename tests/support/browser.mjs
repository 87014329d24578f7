// Browsers driven by WebDriver, with a record of what their console complains about.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Browser, Builder, Capabilities, logging } from "selenium-webdriver";
import logInspector from "selenium-webdriver/bidi/logInspector.js";
import chrome from "selenium-webdriver/chrome.js";
import firefox from "selenium-webdriver/firefox.js";
import { required } from "./environment.mjs";

/** The browsers that every test of a page runs in. */
export const BROWSERS = ["chromium", "firefox"];

/** The longest that a script in a page may take, in ms. */
const SCRIPT_TIMEOUT = 60_000;

const ENGINES = {
  chromium: {
    name: Browser.CHROME,
    options: "goog:chromeOptions",
    program: "CHROME",
    service: () => new chrome.ServiceBuilder(required("CHROMEDRIVER")),
    setService: (builder, service) => builder.setChromeService(service),
  },
  firefox: {
    name: Browser.FIREFOX,
    options: "moz:firefoxOptions",
    program: "FIREFOX",
    service: () => new firefox.ServiceBuilder(required("GECKODRIVER")),
    setService: (builder, service) => builder.setFirefoxService(service),
  },
};

/** Starts a browser, headless, with one empty page. */
export async function launch(browser) {
  const engine = ENGINES[browser];
  const settings = JSON.parse(await readFile(new URL("../../xtask/browsers.json", import.meta.url), "utf8"))[browser];
  settings[engine.options].binary = required(engine.program);
  if (browser === "chromium") {
    // Chromium refuses its sandbox to root, and containers have little shared memory.
    settings[engine.options].args.push("--disable-dev-shm-usage", ...sandbox());
    settings["goog:loggingPrefs"] = { [logging.Type.BROWSER]: "SEVERE" };
  }
  const capabilities = new Capabilities({ browserName: engine.name, webSocketUrl: true, ...settings });
  const builder = new Builder().withCapabilities(capabilities);
  engine.setService(builder, engine.service());
  const driver = await builder.build();
  await driver.manage().setTimeouts({ script: SCRIPT_TIMEOUT });
  const page = new Page(driver, browser === "chromium");
  if (browser === "firefox") await page.listen();
  return page;
}

const sandbox = () => (process.getuid?.() === 0 ? ["--no-sandbox"] : []);

class Page {
  #problems = [];
  #readsLog;

  constructor(driver, readsLog) {
    this.driver = driver;
    this.#readsLog = readsLog;
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

  quit() {
    return this.driver.quit();
  }
}
