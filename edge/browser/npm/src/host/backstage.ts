/** What works behind a host: the store, the sender, the supply, the other tabs and the page. */
import type { Refill, SegueEvent } from "../types.js";
import { asHostError, type HostError } from "./failure.js";
import type { HostEvents, HostState } from "./host.js";
import { lead } from "./lead.js";
import { watchPage } from "./lifecycle.js";
import { EVERYONE, type Settings } from "./options.js";
import { Sender } from "./sender.js";
import type { Service } from "./service.js";
import type { Session } from "./session.js";
import type { Connection } from "./store/connection.js";
import type { HostStore, Storage, Values } from "./store/contract.js";
import { FailoverStore } from "./store/failover.js";
import type { Supply } from "./supply/supply.js";
import { Tabs, type Message } from "./tabs.js";

/** What the host wants to hear. */
export interface Stage {
  /** Something to tell the app. */
  emit<Name extends keyof HostEvents>(name: Name, news: HostEvents[Name]): void;
  /** The engine was fed. */
  fed(): void;
  /** Events happened in another tab, and are applied. */
  applied(events: SegueEvent[]): void;
  /** Everything kept of the person was deleted in another tab. */
  forgotten(): void;
}

/** A pack that runs thin is asked for no more often than this. */
const REFILL_MS = 60_000;
/** One is made no more often than this: where the catalogue has nothing nearer, the next would be left behind as well. */
const REMAKE_MS = 600_000;
/** Why a pack that is made now helps, while one that is only old is fetched. */
const ABOUT_THE_SESSION: Refill["reasons"] = ["few_candidates", "drifted"];

/** The parts of a host, connected. */
export class Backstage {
  /** The sender of the person's events first, then that of guests', which nobody else may be there to send. */
  private readonly senders = new Map<string, Sender>();
  readonly tabs: Tabs;
  state: HostState;
  private stage: Stage | null = null;
  private readonly unheard: HostError[] = [];
  private readonly stops: (() => void)[] = [];
  private askedAt = performance.now();
  private remadeAt = -REMAKE_MS;
  private closed = false;

  constructor(
    readonly name: string,
    private readonly connection: Connection,
    readonly store: HostStore,
    readonly supply: Supply,
    private readonly session: Session,
    private readonly settings: Settings,
    private readonly service: Service,
  ) {
    this.state = { storage: store.storage, sending: "idle", waiting: 0, sent: 0, lost: { dropped: 0, refused: 0 } };
    this.tabs = new Tabs(name, (message) => void this.heard(message).catch((failure: unknown) => this.failed(asHostError(failure))));
    this.addSender(settings.subject, store);
  }

  /** Whom to tell from now on. */
  attend(stage: Stage): void {
    this.stage = stage;
  }

  /** Begins to work: sends, listens and looks for newer packs. */
  async begin(): Promise<void> {
    if (this.settings.subject !== EVERYONE) this.addSender(EVERYONE, await this.storeOf(EVERYONE));
    for (const [subject, sender] of this.senders) this.stops.push(lead(`${this.name}-sender-${subject}`, () => sender.begin()));
    this.stops.push(watchPage({
      leaving: () => this.senders.forEach((sender) => sender.leaving()),
      returned: () => this.refreshIfOlder(this.settings.refreshMs),
      network: (online) => online && this.online(),
    }));
    const timer = setInterval(() => void this.refresh(), this.settings.refreshMs);
    this.stops.push(() => clearInterval(timer));
    await this.count(0);
    // Not before the app had the time to listen.
    setTimeout(() => this.unheard.splice(0).forEach((failure) => this.failed(failure)));
  }

  /** Keeps events and values; resolves once they survive a crash. */
  async keep(events: SegueEvent[], values: Values): Promise<void> {
    const { subject } = this.settings;
    const { rows, refusal, step, caughtUp } = await this.session.keep(events, values);
    if (rows.length > 0) {
      this.senders.get(subject)?.queued(rows);
      this.tabs.tell({ subject, tell: "queued" });
    }
    if (events.length > 0) {
      this.tabs.tell({ subject, tell: "events", events, step });
      await this.count(0);
    }
    if (caughtUp) this.fed();
    if (refusal) throw refusal;
  }

  /** Sends what waits now. */
  async flush(): Promise<void> {
    await this.sendersDo((sender) => sender.pump());
  }

  /** The network is back. */
  async wake(): Promise<void> {
    await this.sendersDo((sender) => sender.wake());
  }

  /** There are other credentials, in all tabs. */
  renewCredentials(): void {
    this.tabs.tell({ subject: this.settings.subject, tell: "credentials" });
    void this.sendersDo((sender) => sender.renewCredentials());
  }

  /** Deletes everything kept of a subject, in all tabs. */
  async forget(subject: string): Promise<void> {
    const store = subject === this.settings.subject ? this.store : await this.storeOf(subject);
    await store.forget();
    this.tabs.tell({ subject, tell: "forgotten" });
    await this.senders.get(subject)?.pump();
    await this.count(0);
  }

  /** Looks for a newer pack; whatever goes wrong, the present one stays. */
  refresh(): Promise<void> {
    return this.look(false);
  }

  /** The list was made: the pack may be running thin. What led to that is kept once `saved` is there. */
  ranked(saved: Promise<void>): void {
    if (performance.now() - this.askedAt < REFILL_MS) return;
    const refill = this.supply.engine.refill(Date.now());
    if (refill) void this.refill(refill, saved);
  }

  /** Where things are kept has changed. */
  moved(storage: Storage, why: HostError | null): void {
    this.change({ storage });
    if (why) this.failed(why);
  }

  /** Tells of something that failed; the host goes on. */
  failed(failure: HostError): void {
    if (this.closed) return;
    if (this.stage) this.stage.emit("error", failure);
    else this.unheard.push(failure);
  }

  /** Stops everything and releases the engine. */
  close(): void {
    this.closed = true;
    for (const stop of this.stops) stop();
    this.tabs.close();
    void this.sendersDo((sender) => sender.close()).then(() => this.connection.end());
    this.supply.engine.free();
  }

  private fed(): void {
    if (!this.closed) this.stage?.fed();
  }

  /**
   * Asks for a pack. Where a person's session is why, the tab that sends asks for all tabs: it makes the same list, and no
   * other can let the service hear of everything first.
   */
  private async refill({ reasons }: Refill, saved: Promise<void>): Promise<void> {
    const { subject } = this.settings;
    const isOwn = subject !== EVERYONE && reasons.some((reason) => ABOUT_THE_SESSION.includes(reason));
    if (isOwn && !this.senders.get(subject)?.isLeading) return;
    await (isOwn && performance.now() - this.remadeAt >= REMAKE_MS ? this.remake(saved) : this.refresh());
  }

  /** Has a pack made of what the session came to, which the service hears of first; where it makes none, what it has will do. */
  private async remake(saved: Promise<void>): Promise<void> {
    this.askedAt = performance.now();
    this.remadeAt = this.askedAt;
    await saved;
    await this.senders.get(this.settings.subject)?.pump();
    if (!this.closed) await this.look(true);
  }

  private async look(anew: boolean): Promise<void> {
    this.askedAt = performance.now();
    try {
      if (!(await this.supply.refresh(anew))) return;
      this.fed();
      this.tabs.tell({ subject: this.settings.subject, tell: "supply" });
    } catch (failure) {
      if (asHostError(failure).code !== "network_unreachable") this.failed(asHostError(failure));
    }
  }

  private online(): void {
    void this.wake();
    void this.refresh();
  }

  private refreshIfOlder(milliseconds: number): void {
    if (performance.now() - this.askedAt >= milliseconds) void this.refresh();
  }

  private async heard(message: Message): Promise<void> {
    if (message.tell === "queued") this.senders.get(message.subject)?.queued();
    if (message.tell === "credentials") await this.sendersDo((sender) => sender.renewCredentials());
    if (message.subject !== this.settings.subject) return;
    if (message.tell === "queued") await this.count(0);
    if (message.tell === "settled") await this.count(message.taken);
    if (message.tell === "events") await this.session.join(message.events, message.step).then(() => this.stage?.applied(message.events));
    if (message.tell === "session") await this.session.reread().then(() => this.fed());
    if (message.tell === "supply") await this.supply.reload().then(() => this.fed());
    if (message.tell === "forgotten") this.stage?.forgotten();
  }

  private storeOf(subject: string): Promise<HostStore> {
    return FailoverStore.open(this.connection, subject, () => undefined);
  }

  private addSender(subject: string, store: HostStore): void {
    const isOwn = subject === this.settings.subject;
    this.senders.set(subject, new Sender(store, this.service, this.settings.gatherMs, {
      sending: (sending) => isOwn && this.change({ sending }),
      settled: ({ taken }) => {
        this.tabs.tell({ subject, tell: "settled", taken });
        if (isOwn) void this.count(taken);
      },
      failed: (failure) => this.failed(failure),
    }));
  }

  private sendersDo(work: (sender: Sender) => Promise<void>): Promise<void[]> {
    return Promise.all([...this.senders.values()].map(work));
  }

  private async count(taken: number): Promise<void> {
    const { events, lost } = await this.store.meter();
    this.change({ waiting: events, lost, sent: this.state.sent + taken });
  }

  private change(news: Partial<HostState>): void {
    const changed = (Object.keys(news) as (keyof HostState)[]).some((name) => JSON.stringify(news[name]) !== JSON.stringify(this.state[name]));
    this.state = { ...this.state, ...news };
    if (changed) this.stage?.emit("state", this.state);
  }
}
