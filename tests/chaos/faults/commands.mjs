// What applications do of themselves, and at the worst of times.

const inOne = (action) => ({
  lasts: [0, 0],
  draw: (random) => ({ tab: random.fraction() }),
  strike: ({ tabs }, { tab }) => tabs.at(tab, action),
});

export const commands = {
  /** Every application drops its connection and wants another one. */
  reconnect: inOne((page) => page.run(() => window.reconnect())),
  /** Those who can move to another server without a gap do. */
  migrate: inOne((page) => page.run(() => window.migrate())),
};
