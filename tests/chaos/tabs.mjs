// The tabs of a browser that have the application.

export class Tabs {
  #page;
  #handles;

  /** Opens `address` in so many tabs. */
  static async open(page, address, count) {
    const tabs = new Tabs();
    tabs.#page = page;
    tabs.#handles = [await page.driver.getWindowHandle()];
    for (let made = 1; made < count; made += 1) {
      await page.driver.switchTo().newWindow("tab");
      tabs.#handles.push(await page.driver.getWindowHandle());
    }
    await tabs.each(async () => {
      await page.open(address);
      await page.until(() => window.ready, "the page's module");
    });
    return tabs;
  }

  get processId() {
    return this.#page.processId;
  }

  get count() {
    return this.#handles.length;
  }

  /** Brings the tab at this fraction of them all to the front, and does something in it. */
  at(fraction, action) {
    return this.#in(this.#handles[Math.floor(fraction * this.#handles.length)], action);
  }

  /** Brings one after the other to the front, and does something in each; gives what that gives. */
  async each(action) {
    const results = [];
    for (const handle of this.#handles) results.push(await this.#in(handle, action));
    return results;
  }

  async #in(handle, action) {
    await this.#page.driver.switchTo().window(handle);
    if (this.#handles.length > 1) await this.#page.activate();
    return action(this.#page);
  }
}
