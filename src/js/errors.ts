/** Every code, with what happened, and after the first full stop what to do about it. */
const table = {
  "bad-option": "An option is wrong. Correct it or leave it out",
  "bad-source": "The first argument names no servers. Give seed URLs, ws: URLs (not both), a list or a function",
  "no-websocket": "There is no WebSocket here. Give one in the option WebSocket",
  "wasm-unavailable":
    "The WebAssembly did not load. Allow 'wasm-unsafe-eval' in the CSP; for slim, serve evenkeel.wasm or give it",
  "socket-failed": "The WebSocket could not be constructed. See the cause: its URL, the page's CSP, mixed content",
  "queue-full": "The send queue is full. Send less while not open, or change the options of the queue",
  "seed-unreachable": "The seed did not answer. Check its URL, CORS headers and connect-src in the CSP",
  "seed-timeout": "The seed took too long. See what it is doing, or raise seedTimeout",
  "seed-overloaded": "The seed is overloaded (HTTP 429 or 503). Give it room, or more seeds",
  "seed-expired": "The seed wants other credentials (HTTP 401). Give them in the option request",
  "seed-forbidden": "The seed refuses (HTTP 403). Check what the user may do; close() if that will not change",
  "seed-redirected": "The seed redirects to where the option allow forbids. Allow it, or ask the other address",
  "seed-status": "The seed answered with an HTTP error. Open its URL and see",
  "stream-ended":
    "The stream of lists has ended. It is begun anew; if none lasts, see what is between, or set watch to false",
  "seed-failed": "The seed threw or rejected. See the cause",
  "list-too-large": "The list is over 4 MiB. List fewer servers, or shorter",
  "list-not-json": "The list is not JSON. Open the URL of the seed and see",
  "parse-failed": "The option parse threw or rejected. See the cause",
  "credentials-failed": "The option url or protocols threw or rejected, or gave no URL. See the cause",
  "prepare-failed": "The option prepare threw or rejected. See the cause",
  "list-invalid": "The list is no server list. Check it with server-list.schema.json",
  "list-empty": "The list has no usable server. See why its entries were dropped",
  "unknown-server": "The list has no server of this id. Use an id of the list",
  "unknown-kind": "There is no failure of this kind. See FailureKind in the types",
};

/** The codes that an {@link EvenkeelError} is known to have; later versions may add some. */
export type ErrorCode = keyof typeof table;

/** Whatever an application throws has words, if need be none. */
function text(detail: unknown): string {
  try {
    return String(detail);
  } catch {
    return typeof detail;
  }
}

/** Every error of this package that is not one of the WebSocket standard's own exceptions. */
export class EvenkeelError extends Error {
  /** What went wrong, in a form that programs can compare: stable across versions. */
  readonly code: ErrorCode | (string & {});
  /** The first thing to do about it. */
  readonly remedy: string;

  /** `detail`: words, or the error behind this one. */
  constructor(code: ErrorCode | (string & {}), detail?: unknown) {
    const [message, remedy = "Please report this"] = (table[code as ErrorCode] ?? code).split(". ") as [string];
    super(detail ? `${message}: ${text(detail)}` : message, { cause: detail });
    this.name = "EvenkeelError";
    this.code = code;
    this.remedy = remedy;
  }
}

/** What was thrown as an error of ours: where it is none, as the cause of what `otherwise` says. */
export const asError = (thrown: unknown, otherwise = "internal"): EvenkeelError =>
  thrown instanceof EvenkeelError ? thrown : new EvenkeelError(otherwise, thrown);

/** An exception of the application's: for its console, not for our caller. */
export const report = (error: unknown): void =>
  queueMicrotask(() => {
    throw error;
  });
