// The processor time of the page's main thread.

/**
 * Gives a function that gives, in ms, how long the page's main thread has run: its processor time, so that what else the
 * machine does meanwhile does not count. Undefined where the browser does not say.
 */
export async function mainThread({ page, browser }) {
  if (browser !== "chromium") return undefined;
  const ask = (command, parameters = {}) => page.driver.sendAndGetDevToolsCommand(command, parameters);
  await ask("Performance.enable");
  return async () => {
    const { metrics } = await ask("Performance.getMetrics");
    return 1_000 * metrics.find(({ name }) => name === "ThreadTime").value;
  };
}
