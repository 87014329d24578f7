// Memory: of each socket, and after many reconnects.

const ROUNDS = 5;
const SOCKETS = 100;

/** Reconnects before each look at the memory, and the looks after the first one, of which the late ones count. */
const BETWEEN = 1_000;
const LOOKS = 10;
const LATE = 5;

/** Runs in the page, before anything else: keeps hold of every WebAssembly memory. */
function watchMemories() {
  window.memories = [];
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const made = await original.apply(WebAssembly, given);
      window.memories.push((made.instance ?? made).exports.memory);
      return made;
    };
  }
}

/** Runs in the page: so many open sockets; a few at a time, as Chromium holds up those who open many. */
async function openMany(name, list, count) {
  const { connect } = await import(`/built/${name}.js`);
  window.sockets ??= [];
  while (window.sockets.length < count) {
    const some = Array.from({ length: Math.min(4, count - window.sockets.length) }, () => connect(list));
    window.sockets.push(...(await Promise.all(some)));
  }
}

/** Runs in the page: has its first socket connect anew so many times, each time waiting for `open`. */
async function reconnect(count) {
  const [socket] = window.sockets;
  for (let done = 0; done < count; done += 1) {
    const open = new Promise((resolve) => {
      socket.addEventListener("open", resolve, { once: true });
    });
    socket.reconnect();
    await open;
  }
}

/** Bytes that the page has, once what it does not need is gone: JavaScript's heap, the browser's objects, buffers, wasm. */
async function bytesOf({ page }) {
  const ask = (command) => page.driver.sendAndGetDevToolsCommand(command, {});
  // The second time takes what the first one let go of.
  await ask("HeapProfiler.collectGarbage");
  await ask("HeapProfiler.collectGarbage");
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await ask("Runtime.getHeapUsage");
  const wasm = await page.run(() => window.memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0));
  return usedSize + embedderHeapUsedSize + backingStorageSize + wasm;
}

export async function memory(stage) {
  // Only Chromium tells what a page's memory is once its garbage has gone.
  if (stage.browser !== "chromium") return [];
  const { page } = stage;
  const fleets = await stage.fleets({ servers: [{}] });
  const open = async (name, count) => {
    const { list } = fleets[name];
    await page.run(openMany, name, list, count);
  };
  const perSocket = await stage.interleaved(ROUNDS, async (name) => {
    await stage.fresh();
    await page.run(watchMemories);
    // What the first one takes is that of the code, and of what all share.
    await open(name, 1);
    const before = await bytesOf(stage);
    await open(name, 1 + SOCKETS);
    return ((await bytesOf(stage)) - before) / SOCKETS;
  });
  await stage.fresh();
  await page.run(watchMemories);
  await open("evenkeel", 1);
  const looks = [];
  for (let look = 0; look <= LOOKS; look += 1) {
    await page.run(reconnect, BETWEEN);
    looks.push(await bytesOf(stage));
  }
  for (const fleet of Object.values(fleets)) await fleet.remove();
  const [before, ...after] = looks;
  const late = after.slice(-LATE);
  return [
    { figure: "memory of a socket", unit: "bytes", base: "bare", samples: perSocket },
    {
      figure: `memory of the page after up to ${BETWEEN * LOOKS} more reconnects, over that after ${BETWEEN}`,
      unit: "bytes",
      base: "before",
      samples: { before: late.map(() => before), evenkeel: late },
    },
  ];
}
