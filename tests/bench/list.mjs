// Reading a list and deciding on it, beside the JSON.parse of the same text that every client has to do anyhow.

const SERVERS = [10, 1_000, 10_000];

/** Pairs of measurements, one after the other. */
const ROUNDS = 101;

/** Milliseconds that one measurement takes at least: clocks of browsers are coarse. */
const LEAST = 10;

const text = (servers) =>
  JSON.stringify({
    version: "1",
    age: 1,
    ttl: 10,
    servers: Array.from({ length: servers }, (_, index) => ({
      id: `server-${index}`,
      url: `wss://server-${index}.example.com/socket`,
      users: (index * 7919) % 1_000,
      capacity: 2_000,
      priority: index % 3,
    })),
  });

/** Runs in the page: the milliseconds that each subject takes once, in so many rounds. */
async function measure(json, rounds, least) {
  const { createSelector } = await import("/built/evenkeel.js");
  const selector = await createSelector();
  const document = JSON.parse(json);
  let version = 0;
  // Another version each time: an unchanged one would not be read.
  const read = () => selector.update({ ...document, version: String(version++) });
  const subjects = {
    parse: () => JSON.parse(json),
    read,
    decide: () => {
      read();
      selector.select();
    },
  };
  const times = (subject, count) => {
    const start = performance.now();
    for (let n = 0; n < count; n += 1) subject();
    return performance.now() - start;
  };
  const counts = {};
  for (const [name, subject] of Object.entries(subjects)) {
    let count = 1;
    while (times(subject, count) < least) count *= 2;
    counts[name] = count;
  }
  return Array.from({ length: rounds }, () =>
    Object.fromEntries(
      Object.entries(subjects).map(([name, subject]) => [name, times(subject, counts[name]) / counts[name]]),
    ),
  );
}

export async function list(stage) {
  const figures = [];
  await stage.fresh();
  for (const servers of SERVERS) {
    const rounds = await stage.page.run(measure, text(servers), Math.min(ROUNDS, stage.most), LEAST);
    const figure = (what, name) => ({
      figure: `${what} a list of ${servers} servers, over JSON.parse of the same text`,
      unit: "µs",
      base: "JSON.parse",
      samples: {
        "JSON.parse": rounds.map(({ parse }) => 1_000 * parse),
        evenkeel: rounds.map((times) => 1_000 * times[name]),
      },
    });
    figures.push(figure("read", "read"), figure("read and decide on", "decide"));
  }
  return figures;
}
