/** Tells other tabs of the same service what happened in this one. */
import type { SegueEvent } from "../types.js";

/** What tabs tell each other. */
export type Message =
  /** Events to apply to the session; they are kept already. */
  | { tell: "events"; subject: string; session: string; events: SegueEvent[] }
  /** Events wait to be sent. */
  | { tell: "queued" }
  /** What waits has changed. */
  | { tell: "settled"; taken: number }
  /** A new session has begun. */
  | { tell: "session"; subject: string }
  /** A newer pack was kept. */
  | { tell: "supply"; subject: string };

/** The other tabs; nobody where the browser has no channel. */
export class Tabs {
  private readonly channel: BroadcastChannel | null;

  constructor(name: string, heard: (message: Message) => void) {
    this.channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : null;
    if (this.channel) this.channel.onmessage = (event: MessageEvent<Message>) => heard(event.data);
  }

  /** Tells all other tabs. */
  tell(message: Message): void {
    this.channel?.postMessage(message);
  }

  /** Stops listening. */
  close(): void {
    this.channel?.close();
  }
}
