/** Sends what waits: in batches, oldest first, again and again until the service has it. */
import { postEvents, RequestFailure } from "./api";
import type { Store } from "./store";

const BATCH = 50;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** What the outbox reports. */
export interface OutboxNews {
  /** How many events wait. */
  waiting: number;
  /** How many the service has received since the page was loaded. */
  sent: number;
}

/** The queue between the player and the service. Events carry ids, so sending one twice does no harm. */
export class Outbox {
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private busy = false;
  private again = false;
  private sent = 0;

  constructor(
    private readonly store: Store,
    private readonly report: (news: OutboxNews) => void,
    private readonly complain: (failure: RequestFailure) => void,
  ) {}

  /** Tries to send everything now. */
  async flush(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    clearTimeout(this.timer);
    try {
      // Two tabs share the queue; one of them sends.
      await navigator.locks.request("segue-outbox", () => this.sendAll());
      this.wait = FIRST_WAIT_MS;
    } catch (failure) {
      this.later(failure);
    } finally {
      this.busy = false;
    }
    await this.tell();
    if (this.again) {
      this.again = false;
      await this.flush();
    }
  }

  /** Reports the counts. */
  async tell(): Promise<void> {
    this.report({ waiting: await this.store.waitingCount(), sent: this.sent });
  }

  private async sendAll(): Promise<void> {
    for (;;) {
      const batch = await this.store.waiting(BATCH);
      if (batch.length === 0) return;
      const receipt = await postEvents(batch.map((waiting) => waiting.event));
      await this.store.acknowledge(batch.map((waiting) => waiting.place));
      this.sent += receipt.accepted + receipt.duplicates;
      const refused = receipt.rejected[0];
      if (refused) {
        this.complain(new RequestFailure(refused.code, `${receipt.rejected.length} event(s) refused: ${refused.detail}`, 422));
      }
      await this.tell();
    }
  }

  private later(failure: unknown): void {
    if (failure instanceof RequestFailure && !failure.passing) this.complain(failure);
    const spread = 0.75 + Math.random() / 2;
    this.timer = setTimeout(() => void this.flush(), this.wait * spread);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}
