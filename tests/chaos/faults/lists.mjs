// What becomes of the server list, and of the seed that has it. The others' users ask for none, and do not notice.

const OK = { mode: "ok", delay: 0, retryAfter: null };

const behaving = (lasts, make, draw) => ({
  lasts,
  draw,
  strike: async ({ teams }, fault, rest) => {
    await Promise.all(teams.map(({ fleet }) => fleet.tellList(make(fault))));
    await rest();
    await Promise.all(teams.map(({ fleet }) => fleet.tellList(OK)));
  },
});

export const lists = {
  error: behaving(
    [1_000, 15_000],
    ({ status, retryAfter }) => ({ mode: "fail", status, retryAfter }),
    (random) => ({ status: random.of([404, 429, 500, 502, 503]), retryAfter: random.of([null, 1, 5]) }),
  ),
  silence: behaving([1_000, 15_000], () => ({ mode: "hang" })),
  garbage: behaving([1_000, 15_000], () => ({ mode: "garbage" })),
  "web page": behaving([1_000, 15_000], () => ({ mode: "html" })),
  empty: behaving([1_000, 15_000], () => ({ mode: "empty" })),
  stale: behaving([5_000, 30_000], () => ({ mode: "stale" })),
  slow: behaving(
    [1_000, 15_000],
    ({ delay }) => ({ delay }),
    (random) => ({ delay: random.between(200, 4_000) }),
  ),
  /** Nothing listens there. */
  "seed down": {
    lasts: [1_000, 15_000],
    strike: async ({ teams }, _, rest) => {
      await Promise.all(teams.map(({ proxy }) => proxy.seed.close()));
      await rest();
      await Promise.all(teams.map(({ proxy }) => proxy.seed.listen()));
    },
  },
};
