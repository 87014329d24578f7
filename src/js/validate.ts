const syntax = (message: string): DOMException => new DOMException(message, "SyntaxError");

/** An absolute URL that can be connected to or fetched, or the exception of the WebSocket constructor. */
export function parseUrl(text: string | URL): URL {
  let url: URL | undefined;
  try {
    url = new URL(text, baseUrl() || undefined);
  } catch {
    // No URL at all; reported below with the others.
  }
  // What the browser refuses later, for every attempt: fragments in WebSocket URLs (also empty ones, which only the whole
  // of it shows), credentials in fetched ones.
  const bad = !url || (/^wss?:$/.test(url.protocol) ? url.href.includes("#") : url.username || url.password);
  if (!url || bad || !/^(http|ws)s?:$/.test(url.protocol)) {
    const why = url?.username || url?.password ? "has credentials" : "is invalid";
    // Nobody's password belongs into a message.
    throw syntax(`The URL '${`${text}`.replace(/\/\/.*@/, "//…@")}' ${why}`);
  }
  return url;
}

/** What relative URLs of the application resolve against: "" outside of pages and workers. */
export const baseUrl = (): string => globalThis.document?.baseURI ?? globalThis.location?.href ?? "";

/** The second argument as a list, checked as the standard does: tokens, none of them twice. */
export function parseProtocols(protocols: string | readonly string[] = []): string[] {
  // A string is a sequence as well, of its letters; an object that is none is a text.
  const list =
    typeof protocols === "object" && protocols !== null && Symbol.iterator in protocols
      ? Array.from(protocols, (protocol) => `${protocol}`)
      : [`${protocols}`];
  list.forEach((protocol, index) => {
    if (!/^[!#$%&'*+\-.^`|~\w]+$/.test(protocol) || list.indexOf(protocol) < index) {
      throw syntax(
        protocol === "[object Object]"
          ? "The second argument is for subprotocols, the third for options"
          : `The subprotocol '${protocol}' is invalid or repeated`,
      );
    }
  });
  return list;
}

/** The bytes of a text in UTF-8, a lone surrogate being sent as U+FFFD. */
export const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

/** The arguments of `close()`, converted and checked as the standard does. */
export function parseClose(code: unknown, reason: unknown): [number | undefined, string] {
  // Halves are rounded to even integers; a BigInt or a Symbol is a TypeError.
  const exact = code === undefined ? code : +(code as number);
  const number = exact && Math.round(exact) - +(exact % 2 === 0.5);
  const text = reason === undefined ? "" : `${reason}`;
  if (number !== undefined && number !== 1000 && !(number >= 3000 && number <= 4999)) {
    throw new DOMException(`The close code must be 1000 or 3000 to 4999, not ${code}`, "InvalidAccessError");
  }
  if (utf8Length(text) > 123) throw syntax("The close reason is over 123 bytes");
  return [number, text];
}

/** The option `allow` as a function: hosts, with or without port, or the application's own. */
export const allowing = (
  allow: readonly string[] | ((url: URL) => boolean) | undefined,
): ((url: URL) => boolean) | undefined =>
  !allow
    ? undefined
    : typeof allow === "function"
      ? // Neither a promise nor undefined is a yes.
        (url) => allow(url) === true
      : ({ hostname, port, protocol }) =>
          allow.includes(hostname) ||
          allow.includes(`${hostname}:${port || (/^(wss|https):$/.test(protocol) ? 443 : 80)}`);
