// A server that does precisely what each connection's URL asks of it: what a fleet's servers, which behave, never do.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocketServer } from "ws";

/** The longest message that it takes, in bytes. */
const LONGEST = 64 * 1024 * 1024;

/**
 * What the parameter `ask` of a URL may hold, as JSON; without it, connections are accepted and their messages come back.
 *
 * | field | |
 * |---|---|
 * | `key` | by this name, `/seen?key=` tells how the connection went |
 * | `status` | refuses the handshake, with this HTTP status |
 * | `hang` | never answers the handshake |
 * | `protocol` | chooses this subprotocol, offered or not; null: none |
 * | `deflate` | agrees to compression |
 * | `mute` | sends nothing back |
 * | `digest` | sends back the SHA-256 of each message in place of the message |
 * | `steps` | what it does once the connection stands, one after the other: see `STEPS` |
 */
const NOTHING = {};

/** By the first word of a step: what is done with the rest. */
const STEPS = {
  text: ({ socket }, text) => socket.send(text),
  binary: ({ socket }, bytes) => socket.send(Uint8Array.from(bytes)),
  /** A message in parts. */
  fragments: ({ socket }, parts) => {
    parts.forEach((part, index) => void socket.send(part, { fin: index === parts.length - 1 }));
  },
  /** So many bytes in one message. */
  large: ({ socket }, kind, length) =>
    socket.send(kind === "text" ? "x".repeat(length) : new Uint8Array(length).fill(7)),
  ping: ({ socket }) => socket.ping(),
  pause: (_, ms) => pause(ms),
  close: ({ socket }, ...farewell) => socket.close(...farewell),
  /** Ends without a closing handshake. */
  drop: ({ socket }) => socket.terminate(),
  /** Bytes as they are, past every rule of the protocol. */
  raw: ({ stream }, bytes) => stream.write(Uint8Array.from(bytes)),
};

/** Starts it on a free port: `{ host, nobody, stop() }`, `nobody` being a `ws:` URL where nothing listens. */
export async function startServer() {
  const seen = new Map();
  const server = createServer(async (request, response) => {
    const key = new URL(request.url, "http://localhost").searchParams.get("key");
    response.setHeader("access-control-allow-origin", "*");
    response.end(JSON.stringify((await seen.get(key)) ?? null));
  });
  const streams = new Set();
  server.on("connection", (stream) => {
    streams.add(stream);
    stream.once("close", () => streams.delete(stream));
  });
  server.on("upgrade", (request, stream, head) => {
    const asked = JSON.parse(new URL(request.url, "http://localhost").searchParams.get("ask")) ?? NOTHING;
    const { status, hang } = asked;
    stream.on("error", () => undefined);
    if (hang) return;
    if (status) {
      stream.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    accept(request, stream, head, asked, seen);
  });
  const nobody = `ws://127.0.0.1:${await portOf(createServer(), (other) => other.close())}/`;
  const port = await portOf(server);
  return {
    host: `127.0.0.1:${port}`,
    nobody,
    stop() {
      for (const stream of streams) stream.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Has a server listen on a free port, which is the result. */
function portOf(server, then = () => undefined) {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve(server.address().port);
      then(server);
    });
  });
}

function accept(request, stream, head, { key, protocol, deflate = false, mute, digest, steps = [] }, seen) {
  const handleProtocols = (offered) => (protocol === undefined ? [...offered][0] : (protocol ?? false));
  const acceptor = new WebSocketServer({
    noServer: true,
    perMessageDeflate: deflate,
    maxPayload: LONGEST,
    handleProtocols,
  });
  // Whatever is offered, or not: the handshake is the server's to get wrong.
  if (protocol) acceptor.on("headers", (headers) => replaceProtocol(headers, protocol));
  acceptor.handleUpgrade(request, stream, head, async (socket) => {
    const messages = [];
    socket.on("error", () => undefined);
    socket.on("message", (data, isBinary) => {
      messages.push(isBinary ? [...data.subarray(0, 64)] : data.toString().slice(0, 64));
      if (digest) socket.send(createHash("sha256").update(data).digest("hex"));
      else if (!mute) socket.send(data, { binary: isBinary });
    });
    const ended = new Promise((resolve) => {
      socket.on("close", (code, reason) => resolve({ code, reason: reason.toString(), messages }));
    });
    const offered = request.headers["sec-websocket-protocol"];
    if (key)
      seen.set(
        key,
        ended.then((end) => ({ ...end, offered: offered ?? null })),
      );
    for (const [step, ...rest] of steps) await STEPS[step]({ socket, stream }, ...rest);
  });
}

function replaceProtocol(headers, protocol) {
  const name = "Sec-WebSocket-Protocol";
  const others = headers.filter((line) => !line.startsWith(name));
  headers.splice(0, headers.length, ...others, `${name}: ${protocol}`);
}
