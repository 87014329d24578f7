export type { BalancedConnection, WebSocketClass } from "./class.js";
export { type ErrorCode, EvenkeelError } from "./errors.js";
export type {
  BalancedWebSocketEventMap,
  DecisionEvent,
  DropEvent,
  ListEvent,
  MigrateEvent,
  RetryEvent,
  SocketCloseEvent,
  SocketErrorEvent,
  SocketState,
  StateChangeEvent,
} from "./events.js";
export type {
  Decision,
  DroppedEntry,
  ListSummary,
  Probability,
  Server,
  ServerEntry,
  ServerList,
  ServerStatus,
} from "./list.js";
export type { BalancedWebSocketOptions, HeartbeatOptions, SelectorOptions, WebSocketClassOptions } from "./options.js";
export type { Message, Overflow } from "./queue.js";
export type { Circumstances, FailureKind, Moment, Selector } from "./selector.js";
export type { ListDocument, SeedFunction, Source } from "./source.js";
