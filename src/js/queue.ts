import { EvenkeelError } from "./errors.js";
import type * as Platform from "./platform.js";
import { utf8Length } from "./validate.js";

/** A message as it is queued and as a `drop` event has it: binary data is a copy, as it was when it was sent. */
export type Message = string | Platform.Blob | ArrayBuffer;

/** What `send` does when the queue is full. */
export type Overflow = "throw" | "drop-oldest" | "drop-newest";

/** What the queue holds at most, and what gives way then. */
export interface QueueLimits {
  queueMessages: number;
  queueBytes: number;
  overflow: Overflow;
}

/** An argument of `send` as a message and its length in bytes, as the standard counts them. */
export function toMessage(data: unknown): [message: Message, bytes: number] {
  // By tag: data from another realm (a frame, jsdom) is of another class.
  const tag = Object.prototype.toString.call(data);
  if (ArrayBuffer.isView(data) || tag === "[object ArrayBuffer]") {
    const { buffer = data, byteOffset = 0, byteLength } = data as ArrayBufferView & ArrayBuffer;
    // Of one that has been transferred nothing is left; one of shared memory is a TypeError.
    const end = byteOffset + byteLength;
    const copy = byteLength ? ArrayBuffer.prototype.slice.call(buffer, byteOffset, end) : new ArrayBuffer(0);
    return [copy, byteLength];
  }
  if (/ (Blob|File)]/.test(tag)) return [data as Blob, (data as Blob).size];
  const text = `${data}`;
  return [text, utf8Length(text)];
}

/** What waits to be sent, in order and within bounds. */
export class Queue {
  readonly #limits: QueueLimits;
  #messages: [Message, number][] = [];
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Adds a message, and returns those that had to give way. */
  push(message: Message, bytes: number): Message[] {
    const { queueMessages, queueBytes, overflow } = this.#limits;
    const dropped: Message[] = [];
    while (this.length >= queueMessages || this.#bytes + bytes > queueBytes) {
      if (overflow === "throw") {
        throw new EvenkeelError("queue-full", `${this.length} messages, ${this.#bytes} bytes`);
      }
      // One that fits into no queue drives nothing out.
      if (overflow === "drop-newest" || bytes > queueBytes || !queueMessages) return [message];
      dropped.push(this.shift() as Message);
    }
    this.#messages.push([message, bytes]);
    this.#bytes += bytes;
    return dropped;
  }

  /** Takes the oldest message out. */
  shift(): Message | undefined {
    const first = this.#messages.shift();
    this.#bytes -= first?.[1] ?? 0;
    return first?.[0];
  }

  /** Takes all messages out. */
  clear(): Message[] {
    this.#bytes = 0;
    return this.#messages.splice(0).map(([message]) => message);
  }
}
