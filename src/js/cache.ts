import type { Cached } from "./core.js";
import type { Arrival } from "./view.js";

/** Larger lists are not kept: the storage of an origin is small, and the application's. */
const MOST_CHARACTERS = 500_000;
/** A list is not written more often than this, in ms: only the last one before the end of a visit counts. */
const BETWEEN_WRITES = 5_000;
/** Workers have a database only, which may keep us waiting; a list that comes later than this, in ms, is too late. */
const PATIENCE = 200;

/** What storage may hold by this name: ours, somebody else's, or garbage. */
function parse(text: unknown): Cached | undefined {
  try {
    const { at, ...arrival } = JSON.parse(text as string);
    return { ...arrival, ago: Date.now() - at };
  } catch {
    return undefined;
  }
}

/** One object store, opened for a single request: `undefined` wherever that fails. */
function database(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  return new Promise((resolve) => {
    const fail = (): void => resolve(undefined);
    try {
      const opening = indexedDB.open("evenkeel");
      opening.onupgradeneeded = () => opening.result.createObjectStore("lists");
      opening.onerror = fail;
      opening.onsuccess = () => {
        const { result } = opening;
        try {
          const request = act(result.transaction("lists", mode).objectStore("lists"));
          request.onerror = fail;
          request.onsuccess = () => resolve(request.result);
        } catch {
          fail();
        }
        result.close();
      };
    } catch {
      fail();
    }
  });
}

/** The list of an earlier visit, in the origin's own storage: `localStorage` in pages, IndexedDB in workers. */
export class ListCache {
  readonly #key: string;
  #written = -Infinity;

  constructor(key: string) {
    this.#key = key;
  }

  /** Whatever is there: it is the core that judges its age. */
  async read(): Promise<Cached | undefined> {
    try {
      if (globalThis.localStorage) return parse(localStorage.getItem(this.#key));
      if (!globalThis.indexedDB) return undefined;
    } catch {
      // A page may be forbidden to have storage.
      return undefined;
    }
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE));
    return parse(await Promise.race([late, database("readonly", (store) => store.get(this.#key))]));
  }

  write(list: Arrival): void {
    const now = performance.now();
    if (now < this.#written + BETWEEN_WRITES) return;
    this.#written = now;
    try {
      const text = JSON.stringify({ ...list, at: Date.now() });
      if (text.length > MOST_CHARACTERS) return;
      if (globalThis.localStorage) localStorage.setItem(this.#key, text);
      else if (globalThis.indexedDB) database("readwrite", (store) => store.put(text, this.#key));
    } catch {
      // Full or forbidden: the next visit starts without.
    }
  }
}
