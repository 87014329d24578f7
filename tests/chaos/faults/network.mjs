// What becomes of the network that the browser is in.

export const network = {
  unplugged: {
    lasts: [300, 12_000],
    strike: ({ namespace }, _, rest) => namespace.whileUnplugged(rest),
  },
  /** Every packet vanishes: connections are half open. */
  swallowing: {
    lasts: [1_000, 25_000],
    strike: ({ namespace }, _, rest) => namespace.whileSwallowing(rest),
  },
  /** Another address, as in another network: what is open is dead, and nobody is told. */
  "another address": {
    lasts: [1_000, 20_000],
    strike: async ({ namespace }, _, rest) => {
      await namespace.move();
      await rest();
      await namespace.moveBack();
    },
  },
};
