/** Tells other tabs of the same service what happened in this one. */
import type { SegueEvent } from "../types.js";
import type { Step } from "./session.js";

/** What tabs tell each other about one subject. */
export type Message = { subject: string } & (
  /** Events to apply to the session; without a step they lie in the other tab's memory only. */
  | { tell: "events"; events: SegueEvent[]; step: Step | null }
  /** Events wait to be sent. */
  | { tell: "queued" }
  /** What waits has changed. */
  | { tell: "settled"; taken: number }
  /** There are other credentials. */
  | { tell: "credentials" }
  /** A new session has begun. */
  | { tell: "session" }
  /** Everything kept was deleted. */
  | { tell: "forgotten" }
  /** A newer pack was kept. */
  | { tell: "supply" }
);

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
