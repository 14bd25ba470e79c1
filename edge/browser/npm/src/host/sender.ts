/** Carries out what the outbox decides: loads, posts, tells of the answer, waits. */
import { Outbox, type Next, type Outcome, type Row } from "../outbox.js";
import { asHostError, HostError } from "./failure.js";
import type { Service } from "./service.js";
import type { HostStore } from "./store/contract.js";

/** Bodies of requests that may outlive their page are limited to 64 KB by browsers. */
const MOST_BYTES = 60_000;
/** Rows at hand; more are read when these are sent. */
const WINDOW = 500;
/** How long to wait after the browser's storage failed. */
const STORAGE_WAIT_MS = 60_000;
/** How long to wait before credentials that were refused are tried again: those of cookies change unseen. */
const CREDENTIALS_WAIT_MS = 5 * 60_000;

/** What the sender is doing. */
export type Sending = "idle" | "sending" | "waiting" | "credentials";

/** What the sender reports to. */
export interface Desk {
  /** It does something else now. */
  sending(now: Sending): void;
  /** A batch was answered and the answer stored. */
  settled(outcome: Outcome): void;
  /** Something the app should know. */
  failed(failure: HostError): void;
}

/** Sends what waits, as long as it leads. */
export class Sender {
  private readonly outbox = new Outbox(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
  private leads = false;
  private closed = false;
  private pumping = false;
  private again = false;
  /** Whether other credentials than those refused have been tried already. */
  private renewed = false;
  /** When those refused are tried again. */
  private retryAt = 0;
  private now: Sending = "idle";
  private running: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: HostStore,
    private readonly service: Service,
    private readonly gatherMs: number,
    private readonly desk: Desk,
  ) {}

  /** From now on this tab sends. */
  begin(): void {
    this.leads = true;
    void this.pump();
  }

  /** Events wait: they are sent together with those that follow soon. */
  queued(rows: Row[] = []): void {
    if (!this.sends) return;
    // More are read from the store when these are sent.
    if (this.outbox.waiting() < WINDOW) this.outbox.apply({ put: rows, remove: [], lost: { dropped: 0, refused: 0 } });
    if (this.pumping) this.again = true;
    else if (this.timer === undefined || this.now === "credentials") this.pumpIn(this.gatherMs);
  }

  /** The network is back: a wait that the service did not ask for ends. */
  wake(): Promise<void> {
    this.outbox.wake();
    return this.pump();
  }

  /** There are other credentials. */
  renewCredentials(): Promise<void> {
    this.renewed = false;
    this.outbox.renew_credentials();
    return this.pump();
  }

  /** The page may be gone in a moment: sends what is at hand without asking the storage first. */
  leaving(): void {
    if (this.pumping || !this.sends) return;
    const next = this.outbox.next(Date.now(), MOST_BYTES);
    if (next.next !== "send") return;
    const done = this.deliver(next).catch((failure: unknown) => this.desk.failed(asHostError(failure)));
    // The page may have stayed after all.
    void done.then(() => this.pump());
  }

  /** Stops; resolves once the answer to a request on its way is stored. */
  close(): Promise<void> {
    this.closed = true;
    this.stopTimer();
    return this.running;
  }

  /** Whether this tab sends what all tabs have kept. */
  get isLeading(): boolean {
    return this.leads && !this.closed;
  }

  /** What only this tab's memory holds nobody else can send. */
  private get sends(): boolean {
    return !this.closed && (this.leads || this.store.unshared);
  }

  /** Sends until nothing waits or the outbox says to wait; resolves then. */
  pump(): Promise<void> {
    if (!this.sends) return Promise.resolve();
    if (this.pumping) this.again = true;
    else this.running = this.run();
    return this.running;
  }

  private async run(): Promise<void> {
    this.pumping = true;
    this.stopTimer();
    try {
      do {
        this.again = false;
        await this.drain();
      } while (this.again && !this.closed);
    } catch (failure) {
      this.desk.failed(asHostError(failure));
      this.pumpIn(STORAGE_WAIT_MS);
    } finally {
      this.pumping = false;
    }
  }

  private async drain(): Promise<void> {
    for (;;) {
      const rows = await this.store.oldest(WINDOW, this.leads);
      this.outbox.replace(rows);
      const next = await this.sendAll();
      if (next.next !== "empty" || rows.length < WINDOW) return this.rest(next);
    }
  }

  /** Sends the rows at hand; answers what the outbox says in the end. */
  private async sendAll(): Promise<Next> {
    while (!this.closed) {
      const next = this.outbox.next(Date.now(), MOST_BYTES);
      if (next.next === "credentials" && (await this.hasOthers())) continue;
      if (next.next !== "send") return next;
      this.turnTo("sending");
      await this.deliver(next);
    }
    return { next: "busy" };
  }

  /** Whether the app gives other credentials than those refused; they are tried at once, but only once. */
  private async hasOthers(): Promise<boolean> {
    if (this.renewed || !(await this.service.hasOtherCredentials())) return false;
    this.renewed = true;
    this.outbox.renew_credentials();
    return true;
  }

  private async deliver({ body }: { body: string }): Promise<void> {
    const outcome = this.outbox.answered(await this.service.post(body), Date.now());
    if (outcome.verdict === "accepted") this.renewed = false;
    await this.store.settle(outcome.change);
    this.outbox.apply(outcome.change);
    this.report(outcome);
  }

  private report(outcome: Outcome): void {
    this.desk.settled(outcome);
    const [refused] = outcome.refused;
    if (refused) this.desk.failed(new HostError("events_refused", `${outcome.refused.length} event(s) refused: ${refused.code}, ${refused.detail}`));
  }

  private rest(next: Next): void {
    // A batch sent while the page seemed to go is still on its way; its answer goes on with the rest.
    if (next.next === "busy") return;
    if (next.next === "wait") this.pumpIn(next.milliseconds);
    if (next.next === "credentials") this.awaitCredentials();
    this.turnTo(next.next === "wait" ? "waiting" : next.next === "credentials" ? "credentials" : "idle");
  }

  private awaitCredentials(): void {
    if (this.now !== "credentials") {
      this.retryAt = performance.now() + CREDENTIALS_WAIT_MS;
      this.desk.failed(new HostError("credentials_needed", "The service wants other credentials."));
    }
    this.wakeIn(this.retryAt - performance.now(), () => this.renewCredentials());
  }

  private turnTo(now: Sending): void {
    this.now = now;
    this.desk.sending(now);
  }

  private pumpIn(milliseconds: number): void {
    this.wakeIn(milliseconds, () => this.pump());
  }

  private wakeIn(milliseconds: number, then: () => Promise<void>): void {
    if (this.closed) return;
    this.stopTimer();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void then();
    }, milliseconds);
  }

  private stopTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
