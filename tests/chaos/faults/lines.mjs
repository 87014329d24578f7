// What becomes of bytes between browser and servers, in a proxy that all connections of a contestant go through.

/** The most bytes of garbage. */
const GARBAGE = 200;

const each = ({ teams }, action) => Promise.all(teams.map(({ proxy }) => action(proxy)));

export const lines = {
  delay: {
    lasts: [2_000, 20_000],
    draw: (random) => ({ delay: random.between(20, 800) }),
    strike: async (world, { delay }, rest) => {
      await each(world, (proxy) => proxy.delay(delay));
      await rest();
      await each(world, (proxy) => proxy.delay(0));
    },
  },
  /** Nothing gets through, and everything does in the end. */
  stall: {
    lasts: [500, 12_000],
    strike: async (world, _, rest) => {
      await each(world, (proxy) => proxy.stall());
      await rest();
      await each(world, (proxy) => proxy.flow());
    },
  },
  /** Nothing gets through, and what was to is reset in the end. */
  "black hole": {
    lasts: [1_000, 20_000],
    strike: async (world, _, rest) => {
      await each(world, (proxy) => proxy.stall());
      await rest();
      await each(world, (proxy) => {
        proxy.cut();
        proxy.flow();
      });
    },
  },
  cut: {
    lasts: [0, 500],
    strike: (world) => each(world, (proxy) => proxy.cut()),
  },
  refuse: {
    lasts: [500, 10_000],
    strike: async (world, _, rest) => {
      await each(world, (proxy) => proxy.refuse());
      await each(world, (proxy) => proxy.cut());
      await rest();
      await each(world, (proxy) => proxy.accept());
    },
  },
  /** Bytes that are no WebSocket frame. */
  garbage: {
    lasts: [0, 500],
    draw: (random) => ({ bytes: random.between(1, GARBAGE) }),
    strike: (world, { bytes }) => each(world, (proxy) => proxy.inject(Buffer.alloc(bytes, 0xff))),
  },
};
