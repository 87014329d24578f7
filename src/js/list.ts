/** A server as a list gives it: the fields that are known here, and any others, which reach the application unchanged. */
export interface ServerEntry {
  /** `ws:` or `wss:` URL; relative ones resolve against the seed's URL, `http(s):` becomes `ws(s):`. */
  url: string;
  /** Stable name. Default: the URL. */
  id?: string;
  /** May clients connect? Default: true. */
  available?: boolean;
  /** Clients should leave gently, and no new ones come. Default: false. */
  draining?: boolean;
  /** Connections being served when the list was made. Default: unknown. */
  users?: number;
  /** Group, 0 to 255; lower is preferred. Default: 0. */
  priority?: number;
  /** Users that fill the server. Default: by weight. */
  capacity?: number;
  /** Relative size. Default: 1. */
  weight?: number;
  /** Handshakes per second that it can take. Default: assumed from the capacity. */
  connectRate?: number;
  // biome-ignore lint/suspicious/noExplicitAny: TypeScript takes interfaces for no other index signature.
  [field: string]: any;
}

/** The document a seed answers with. */
export interface ServerList {
  servers: readonly ServerEntry[];
  /** Changes when the content does. Default: a hash of `servers`. */
  version?: string;
  /** Seconds since the counts were taken, when the document was made. */
  age?: number;
  /** Seconds the list may be relied on, 1 to 3600. Default: `Cache-Control: max-age`, else 10. */
  ttl?: number;
  /** Seconds to stay away. */
  retryAfter?: number;
  /** Seconds within which every server sends a data message. */
  heartbeat?: number;
  // biome-ignore lint/suspicious/noExplicitAny: TypeScript takes interfaces for no other index signature.
  [field: string]: any;
}

/** A server of the list in force: the entry as listed, its fields normalised. */
export interface Server extends ServerEntry {
  id: string;
  available: boolean;
  draining: boolean;
  users: number;
  priority: number;
  capacity: number;
  weight: number;
}

/** What a server's share of new clients is, and why it has none if it has none. */
export interface Probability {
  id: string;
  /** 0 to 1. */
  probability: number;
  /** Why the server cannot be chosen now. */
  excluded?: "unavailable" | "draining" | "lost" | "ejected" | "overloaded" | "current" | (string & {}) | undefined;
}

/** A server of the list in force as this client sees it. */
export interface ServerStatus extends Server, Probability {
  id: string;
  /** Users for each of its capacity; 1 is full. */
  utilisation: number;
  health: {
    /** Seen dead, and not seen alive since. */
    lost: boolean;
    /** Milliseconds for which it is still kept out for having refused, or not lasted. */
    ejectedFor: number;
    /** How often it was. */
    ejections: number;
  };
}

/** A choice, explained. */
export interface Decision {
  server: Server;
  /** The priority group that was drawn. */
  group: number;
  /** That of the chosen server. */
  probability: number;
  /** Those of all servers, in list order. */
  probabilities: Probability[];
  /**
   * How that group came to be drawn: it is the best (`preferred`), the better ones have too little room (`spill`) or no
   * eligible server (`failover`), the list offers no server at all and may be wrong (`guess`), or the trouble was our own,
   * and it is the server from before (`return`).
   */
  reason: "preferred" | "spill" | "failover" | "guess" | "return" | (string & {});
}

/**
 * An entry of a list that could not be used, by its position; or, with the code `url-credentials`, one that is used without
 * the user name and password in its URL.
 */
export interface DroppedEntry {
  index: number;
  code: string;
}

/** What became of a list. */
export interface ListSummary {
  /** How many servers of it can be used. */
  servers: number;
  /** The entries that cannot, and why. */
  dropped: DroppedEntry[];
}
