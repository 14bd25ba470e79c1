/** What works behind a host: the store, the sender, the supply, the other tabs and the page. */
import type { SegueEvent } from "../types.js";
import { asHostError, type HostError } from "./failure.js";
import type { HostEvents, HostState } from "./host.js";
import { lead } from "./lead.js";
import { watchPage } from "./lifecycle.js";
import type { Settings } from "./options.js";
import { Sender } from "./sender.js";
import type { Service } from "./service.js";
import type { Session } from "./session.js";
import type { HostStore, Storage, Values } from "./store/contract.js";
import type { Supply } from "./supply/supply.js";
import { Tabs, type Message } from "./tabs.js";

/** What the host wants to hear. */
export interface Stage {
  /** Something to tell the app. */
  emit<Name extends keyof HostEvents>(name: Name, news: HostEvents[Name]): void;
  /** The engine was fed. */
  fed(): void;
  /** Events happened in another tab. */
  applied(events: SegueEvent[]): void;
}

/** A pack that runs thin is asked for no more often than this. */
const REFILL_MS = 60_000;

/** The parts of a host, connected. */
export class Backstage {
  readonly sender: Sender;
  readonly tabs: Tabs;
  state: HostState;
  private stage: Stage | null = null;
  private readonly unheard: HostError[] = [];
  private readonly stops: (() => void)[] = [];
  private askedAt = Date.now();
  private closed = false;

  constructor(
    readonly name: string,
    readonly store: HostStore,
    readonly supply: Supply,
    private readonly session: Session,
    private readonly settings: Settings,
    service: Service,
  ) {
    this.state = { storage: store.storage, sending: "idle", waiting: 0, sent: 0, lost: { dropped: 0, refused: 0 } };
    this.tabs = new Tabs(name, (message) => void this.heard(message).catch((failure: unknown) => this.failed(asHostError(failure))));
    this.sender = new Sender(store, service, settings.gatherMs, {
      sending: (sending) => this.change({ sending }),
      settled: ({ taken }) => {
        this.tabs.tell({ tell: "settled", taken });
        void this.count(taken);
      },
      failed: (failure) => this.failed(failure),
    });
  }

  /** Whom to tell from now on. */
  attend(stage: Stage): void {
    this.stage = stage;
  }

  /** Begins to work: sends, listens and looks for newer packs. */
  begin(): void {
    this.stops.push(lead(`${this.name}-sender`, () => this.sender.begin()));
    this.stops.push(watchPage({
      leaving: () => this.sender.leaving(),
      returned: () => this.refreshIfOlder(this.settings.refreshMs),
      network: (online) => online && this.online(),
    }));
    const timer = setInterval(() => void this.refresh(), this.settings.refreshMs);
    this.stops.push(() => clearInterval(timer));
    void this.count(0);
    // Not before the app had the time to listen.
    setTimeout(() => this.unheard.splice(0).forEach((failure) => this.failed(failure)));
  }

  /** Keeps events and values; resolves once they survive a crash. */
  async keep(events: SegueEvent[], values: Values): Promise<void> {
    const { rows, refusal } = await this.store.record(events, values);
    if (rows.length > 0) {
      this.sender.queued(rows);
      this.tabs.tell({ tell: "queued" });
    }
    if (events.length > 0) {
      this.tabs.tell({ tell: "events", subject: this.settings.subject, session: this.session.id, events });
      await this.count(0);
    }
    if (refusal) throw refusal;
  }

  /** Looks for a newer pack; whatever goes wrong, the present one stays. */
  async refresh(): Promise<void> {
    this.askedAt = Date.now();
    try {
      if (!(await this.supply.refresh())) return;
      this.fed();
      this.tabs.tell({ tell: "supply", subject: this.settings.subject });
    } catch (failure) {
      if (asHostError(failure).code !== "network_unreachable") this.failed(asHostError(failure));
    }
  }

  /** The list was made: the pack may be running thin. */
  ranked(): void {
    if (Date.now() - this.askedAt < REFILL_MS) return;
    if (this.supply.engine.refill(Date.now())) void this.refresh();
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
    void this.sender.close().then(() => this.store.close());
    this.supply.engine.free();
  }

  private fed(): void {
    if (!this.closed) this.stage?.fed();
  }

  private online(): void {
    void this.sender.wake();
    void this.refresh();
  }

  private refreshIfOlder(milliseconds: number): void {
    if (Date.now() - this.askedAt >= milliseconds) void this.refresh();
  }

  private async heard(message: Message): Promise<void> {
    if (message.tell === "queued") {
      this.sender.queued();
      return this.count(0);
    }
    if (message.tell === "settled") return this.count(message.taken);
    if (message.subject !== this.settings.subject) return;
    if (message.tell === "events" && message.session === this.session.id) {
      this.stage?.applied(message.events);
      return;
    }
    // Events of a session this tab does not know yet are part of what was kept, as is a new session.
    if (message.tell === "supply") await this.supply.reload();
    else await this.session.restore();
    this.fed();
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
