// What servers do: each fault strikes one server of every fleet, or all of them.

/** How servers are when nothing is wrong with them. */
const WELL = {
  alive: true,
  handshake: "accept",
  handshakeDelay: 0,
  dropCode: 1011,
  frozen: false,
  latency: 0,
  blackhole: false,
  draining: false,
  report: null,
  listing: "true",
};

/** Close codes with which a server sends its clients away, to come back elsewhere. */
const CODES = [1001, 1011, 1012, 1013, 4000];

/** "used": that on which most of a fleet's clients are, so that every contestant feels it; else the number of any. */
const target = (random, servers) => {
  if (random.chance(0.1)) return "all";
  return random.chance(0.6) ? "used" : random.between(0, servers - 1);
};

const SERVERS = 4;

/** With some, those who are connected are sent away, and meet what newcomers meet. */
const kick = (random) => (random.chance(0.6) ? random.of(CODES) : null);

async function targets(fleet, { server }) {
  const { servers } = await fleet.state();
  if (server === "all") return servers.map(({ id }) => id);
  if (server === "used") return [servers.toSorted((a, b) => b.connections - a.connections)[0].id];
  return [servers[server].id];
}

/** A kind of fault in which servers behave as `make(fault)` says, drawn by `more` beside the target. */
const behaving = (lasts, make, more = () => undefined) => ({
  lasts,
  draw: (random) => ({ server: target(random, SERVERS), ...more(random) }),
  strike: async ({ teams }, fault, rest) => {
    const behaviour = make(fault);
    const struck = await Promise.all(
      teams.map(async ({ fleet }) => {
        const ids = await targets(fleet, fault);
        for (const id of ids) {
          await fleet.tell(id, behaviour);
          if (fault.kick) await fleet.close(id, fault.kick);
        }
        return { fleet, ids };
      }),
    );
    const well = Object.fromEntries(Object.keys(behaviour).map((name) => [name, WELL[name]]));
    await rest();
    await Promise.all(struck.flatMap(({ fleet, ids }) => ids.map((id) => fleet.tell(id, well))));
  },
});

export const servers = {
  /** It dies, as a process that is killed does, and comes back after a while. */
  kill: behaving([3_000, 25_000], () => ({ alive: false })),
  restart: behaving([300, 3_000], () => ({ alive: false })),
  /** It says nothing any more, and goes on where it was: some before anyone can notice. */
  freeze: behaving([500, 15_000], () => ({ frozen: true })),
  refuse: behaving(
    [2_000, 15_000],
    () => ({ handshake: "refuse" }),
    (random) => ({ kick: kick(random) }),
  ),
  "accept and close": behaving(
    [2_000, 15_000],
    ({ code }) => ({ handshake: "drop", dropCode: code }),
    (random) => ({ kick: kick(random), code: random.of([null, ...CODES]) }),
  ),
  hang: behaving(
    [2_000, 15_000],
    () => ({ handshake: "hang" }),
    (random) => ({ kick: kick(random) }),
  ),
  "slow handshake": behaving(
    [2_000, 20_000],
    ({ delay }) => ({ handshakeDelay: delay }),
    (random) => ({ kick: kick(random), delay: random.between(500, 6_000) }),
  ),
  "wrong count": behaving(
    [5_000, 20_000],
    ({ count }) => ({ report: count }),
    (random) => ({ count: random.of([0, 1, 99, 1_000_000, Number.MAX_SAFE_INTEGER]) }),
  ),
  "wrongly listed": behaving(
    [2_000, 15_000],
    ({ listing }) => ({ listing }),
    (random) => ({ listing: random.of(["available", "unavailable", "absent"]) }),
  ),
  latency: behaving(
    [2_000, 15_000],
    ({ delay }) => ({ latency: delay }),
    (random) => ({ delay: random.between(10, 500) }),
  ),
  "black hole": behaving([1_000, 20_000], () => ({ blackhole: true })),
  "send away": behaving(
    [0, 500],
    () => ({}),
    (random) => ({ kick: random.of(CODES) }),
  ),
  /** It is listed as draining for a while, then sends away who is left, and stops; then the new one is there. */
  drain: {
    lasts: [5_000, 40_000],
    draw: (random) => ({ server: random.chance(0.7) ? "used" : random.between(0, SERVERS - 1) }),
    strike: async ({ teams }, fault, rest) => {
      const struck = await Promise.all(
        teams.map(async ({ fleet }) => {
          const [id] = await targets(fleet, fault);
          await fleet.tell(id, { draining: true });
          return { fleet, id };
        }),
      );
      await rest();
      await Promise.all(
        struck.map(async ({ fleet, id }) => {
          await fleet.close(id, 1001);
          await fleet.tell(id, { alive: false });
          await fleet.tell(id, { alive: true, draining: false });
        }),
      );
    },
  },
};

/** A fleet as these faults know it. */
export const FLEET = [
  { id: "home", count: 2, baseUsers: 20 },
  { id: "away", count: SERVERS - 2, baseUsers: 20, priority: 1 },
];
