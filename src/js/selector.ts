import type { Load } from "./core.js";
import { randomSeed } from "./driver.js";
import { asError, EvenkeelError } from "./errors.js";
import type { Decision, ListSummary, Probability } from "./list.js";
import { type SelectorOptions, selectorOptions } from "./options.js";
import type { ListDocument } from "./source.js";
import { baseUrl } from "./validate.js";
import { GIVEN, View } from "./view.js";

/** A moment on the scale of `Date.now()`, which is the default. */
export interface Moment {
  now?: number;
}

/** What a choice depends on beside the list. */
export interface Circumstances extends Moment {
  /** Ids of servers that were lost. Default: those reported. */
  lost?: readonly string[];
  /** How many connects have failed since. Default: those reported. */
  failures?: number;
}

/** How a server failed. */
export type FailureKind = "refused" | "short-lived" | "crash" | "sent-away" | "overload" | "local";

/** The decision alone. */
export interface Selector {
  /**
   * Brings a list into force. Throws, and keeps the last one, if it is unusable; one that was taken earlier than the one
   * in force is ignored. The list is kept as it is: leave it alone afterwards.
   */
  update(list: ListDocument, moment?: Moment): ListSummary;
  /** Chooses; null when nothing is eligible. */
  select(circumstances?: Circumstances): Decision | null;
  /** The chances of every server, in list order: 0 for all when nothing is eligible, else 1 in sum. */
  probabilities(circumstances?: Circumstances): Probability[];
  /** Tells how a server failed. */
  reportFailure(id: string, failure: Moment & { kind: FailureKind }): void;
  /** Tells that a connection to a server has lasted. */
  reportSuccess(id: string, moment?: Moment): void;
}

/** Makes a selector, once the wasm is there. */
export async function makeSelector(load: Load, given?: SelectorOptions): Promise<Selector> {
  const { randomSeed: seed = randomSeed(), base } = selectorOptions(given);
  const against = base === undefined ? baseUrl() : String(base);
  const { Core } = await load();
  const core = new Core(seed, 0, new Float64Array(), 0);
  const view = new View(core, Core.words());

  /** Where a server of this id stands in the list. */
  function listed(id: string): number {
    const position = core.find(String(id));
    if (position < 0) throw new EvenkeelError("unknown-server");
    return position;
  }

  /** Calls with the moment meant, and turns what wasm throws into errors. */
  function at<T>({ now = Date.now() }: Moment = {}, call: (now: number) => T): T {
    if (!Number.isFinite(now)) throw new EvenkeelError("bad-option", `now: ${now}`);
    try {
      return call(now);
    } catch (thrown) {
      throw asError(thrown);
    }
  }

  /** The same, once the servers have been assessed. */
  function assessed<T>(given: Circumstances = {}, call: (now: number) => T): T {
    return at(given, (now) => {
      const { lost, failures } = given;
      if (failures !== undefined && !(failures >= 0)) throw new EvenkeelError("bad-option", `failures: ${failures}`);
      // One that is not listed is not lost either.
      const positions = lost && Array.from(lost, (id) => core.find(String(id))).filter((position) => position >= 0);
      core.assess(now, positions && Float64Array.from(positions), failures ?? NaN);
      return call(now);
    });
  }

  return {
    update: (list, moment) =>
      at(moment, (now) => {
        // Not copied: that would take longer than reading it.
        const { servers = 0, dropped = [] } = view.take(now, GIVEN, { document: list, base: against }) ?? {};
        return { servers, dropped };
      }),
    select: (given) =>
      assessed(given, (now) => {
        const drawn = core.draw();
        return drawn ? view.decision(now, drawn, false) : null;
      }),
    probabilities: (given) => assessed(given, (now) => view.probabilities(now)),
    reportFailure: (id, failure) =>
      at(failure, (now) => {
        const kind = view.causes.indexOf(String(failure?.kind));
        if (!core.reportFailure(now, listed(id), kind)) throw new EvenkeelError("unknown-kind");
      }),
    reportSuccess: (id, moment) =>
      at(moment, () => {
        listed(id);
        core.reportSuccess();
      }),
  };
}
