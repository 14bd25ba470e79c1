/** The browser host: one person's engine, kept fed, remembered, and heard by the service. */
import type { Engine } from "../engine.js";
import type { Lost } from "../outbox.js";
import type { FeatureLog, Manifest, PackInfo, SegueEvent, Slate } from "../types.js";
import { circumstances } from "./circumstances.js";
import { Emitter } from "./emitter.js";
import { asHostError, type HostError } from "./failure.js";
import { subjectOf, type Settings } from "./options.js";
import type { Sending } from "./sender.js";
import type { Session } from "./session.js";
import { Shown } from "./shown.js";
import type { Storage, Values } from "./store/contract.js";
import type { Bundle } from "./supply/bundle.js";
import type { Backstage } from "./backstage.js";

/** An event as an app tells it; the host adds what is left out. */
export type NewEvent = Partial<SegueEvent> & Pick<SegueEvent, "kind">;

/** How the host is doing. */
export interface HostState {
  /** `memory` when the browser keeps nothing (private mode, no room left): events are lost with the page. */
  storage: Storage;
  /** What this tab does about waiting events; `idle` also when another tab sends. */
  sending: Sending;
  /** Events of this person that wait to be sent, of all tabs. */
  waiting: number;
  /** Events the service has received since the page was loaded. */
  sent: number;
  /** Events given up, ever. */
  lost: Lost;
}

/** What the model saw of a list: a line for `segue features logged`. */
export interface LoggedSlate {
  user: string;
  slate: string;
  features: FeatureLog;
}

/** What the host tells. */
export interface HostEvents {
  /** The list was made again. */
  list: Slate;
  /** What the model saw of the list, where `logFeatures` asks for it. */
  slate: LoggedSlate;
  /** Something about the host's state has changed. */
  state: HostState;
  /** Something was refused or failed; the host goes on. */
  error: HostError;
  /** Events of the same session that happened in another tab; they are applied already. */
  events: SegueEvent[];
}

/** A running host. `openSegue` makes one. */
export class Host {
  private readonly emitter = new Emitter<HostEvents>();
  private slate: Slate | null = null;
  private readonly seen = new Shown();
  private pending: SegueEvent[] = [];
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly settings: Settings,
    private readonly session: Session,
    private readonly backstage: Backstage,
  ) {
    backstage.attend({
      emit: (name, news) => this.emitter.emit(name, news),
      fed: () => void this.rank(),
      applied: (events) => this.appliedElsewhere(events),
      forgotten: () => this.leave(),
    });
  }

  /** Listens; the answer stops it. */
  on<Name extends keyof HostEvents>(name: Name, listener: (news: HostEvents[Name]) => void): () => void {
    return this.emitter.on(name, listener);
  }

  /** The list as it is now. */
  get list(): Slate {
    return this.slate ?? this.rank();
  }

  /** How the host is doing. */
  get state(): HostState {
    return this.backstage.state;
  }

  /** Whether what is kept outlives the page. */
  get storage(): Storage {
    return this.state.storage;
  }

  /** The surface lists are made for. */
  get surface(): string {
    return this.settings.surface;
  }

  /** The manifest of the last good generation. */
  get manifest(): Manifest {
    return this.backstage.supply.last.manifest;
  }

  /** The last good pack; its subject is `region:all` where the person has none of their own. */
  get pack(): PackInfo {
    return this.backstage.supply.last.pack;
  }

  /** The bytes that manifest and pack came from. */
  get bundle(): Bundle {
    return this.backstage.supply.last.bundle;
  }

  /** The engine underneath, for what the host has no word for. */
  get engine(): Engine {
    return this.backstage.supply.engine;
  }

  /** The session's id, which its events carry. */
  get sessionId(): string {
    return this.session.id;
  }

  /**
   * Tells what the person did: the list is made again before this returns, and the promise resolves once the event
   * survives a crash. It rejects with `outbox_full`, `event_invalid` or `too_large` when the event will not be sent.
   *
   * The event carries the newest slate that was shown with its item. Being shown moves nothing, so an impression
   * leaves the list as it is.
   */
  async record(event: NewEvent, keep: Values = {}): Promise<void> {
    this.apply(event);
    // Before the list is made, as whoever hears of that may have impressions to keep.
    const saved = this.commit(keep);
    if (event.kind !== "impression") this.rank();
    await saved;
  }

  /**
   * Tells that items of a list are on the screen, all of its places where none are named: their impressions are kept
   * in one transaction, and the events that follow carry this slate. The list stays as it is.
   */
  shown(slate: Slate, items = slate.places.map((place) => place.item)): Promise<void> {
    const places = slate.places.filter((place) => items.includes(place.item));
    this.seen.add(slate, places);
    for (const { item } of places) this.apply({ kind: "impression", item });
    return this.commit();
  }

  /** Applies an event to the session without making the list or keeping anything; `commit` keeps it. */
  apply(event: NewEvent): SegueEvent {
    const whole = this.whole(event, this.session.awake());
    this.session.apply(whole);
    this.pending.push(whole);
    return whole;
  }

  /** Makes the list again, of `count` places where given. */
  rank(count = this.settings.count): Slate {
    const { surface, deadlineMs, logFeatures } = this.settings;
    const interactions = String(this.session.interactionsBefore);
    const context = circumstances(surface, { interactions, ...this.settings.context() });
    const isList = count === this.settings.count;
    const end = performance.now() + deadlineMs;
    const request = { surface, count, now_ms: Date.now(), seed: this.session.seed, context, log_features: isList && logFeatures };
    const slate = this.engine.rank(request, () => performance.now() >= end);
    if (isList) this.listed(slate);
    return slate;
  }

  /**
   * Keeps the events applied since the last time, the session, and values of the app's own, all in one transaction.
   * Resolves once they survive a crash.
   */
  commit(keep: Values = {}): Promise<void> {
    const events = this.pending.splice(0);
    const saved = this.saving.then(() => this.backstage.keep(events, appValues(keep)));
    // A failure is its caller's to hear; the next one is kept even so.
    this.saving = saved.catch(() => undefined);
    return saved;
  }

  /** A value that `record` or `commit` kept for the app. */
  kept<T>(name: string): Promise<T | undefined> {
    return this.backstage.store.read(`app:${name}`);
  }

  /** Looks for a newer pack now; whatever goes wrong, the present one stays. */
  async refresh(): Promise<void> {
    await this.backstage.refresh();
  }

  /** Feeds the last good bytes again, after a refusal; answers what is refused even so. */
  repair(): HostError[] {
    const refused = this.backstage.supply.repair();
    this.rank();
    return refused;
  }

  /** Sends what waits now instead of gathering more. */
  flush(): Promise<void> {
    return this.backstage.flush();
  }

  /** The network is back, where the browser does not notice by itself: waits end that the service did not ask for. */
  wake(): Promise<void> {
    return this.backstage.wake();
  }

  /** Tells that `headers` gives other credentials now, to all tabs. */
  renewCredentials(): void {
    this.backstage.renewCredentials();
  }

  /** Forgets the session and begins another, in all tabs. */
  async startOver(): Promise<void> {
    this.begin();
    await this.commit();
    this.backstage.tabs.tell({ subject: this.settings.subject, tell: "session" });
  }

  /**
   * Deletes everything this browser keeps of a person, of the host's own where none is named: pack, session, values of
   * the app, and events that still wait. Send those first (`flush`) where they are to count.
   */
  async forget(user = this.settings.user): Promise<void> {
    const subject = subjectOf(user);
    if (subject === this.settings.subject) this.leave();
    await this.saving;
    await this.backstage.forget(subject);
  }

  /** Waits until everything is kept, then releases the engine; nothing may be called afterwards. */
  async close(): Promise<void> {
    await this.saving;
    this.backstage.close();
  }

  private listed(slate: Slate): void {
    this.slate = slate;
    this.emitter.emit("list", slate);
    if (slate.features) this.emitter.emit("slate", { user: this.settings.user, slate: slate.slate, features: slate.features });
    this.backstage.ranked(this.saving);
  }

  private begin(): void {
    this.session.begin();
    this.rank();
  }

  /** What was kept of the person is gone; what is not kept yet goes too. */
  private leave(): void {
    this.pending = [];
    this.begin();
  }

  private appliedElsewhere(events: SegueEvent[]): void {
    if (events.some((event) => event.kind !== "impression")) this.rank();
    this.emitter.emit("events", events);
  }

  private whole(event: NewEvent, time_ms: number): SegueEvent {
    const { user, surface } = this.settings;
    const isPlaced = event.slate !== undefined || event.position !== undefined;
    return {
      event_id: crypto.randomUUID(),
      user,
      session: this.session.id,
      time_ms,
      ...(isPlaced ? {} : this.seen.of(event.item)),
      ...present(event),
      context: { ...circumstances(surface, this.settings.context()), ...event.context },
    };
  }
}

/** Players tell durations in fractions of a second. */
const DURATIONS = ["played_ms", "total_ms"];

/** What is told of an event, without the fields that are left out by a value, durations in whole milliseconds. */
function present(event: NewEvent): NewEvent {
  const told = Object.entries(event).filter(([, value]) => value !== null && value !== undefined);
  const exact = told.map(([name, value]) => [name, DURATIONS.includes(name) && typeof value === "number" ? Math.round(value) : value]);
  return Object.fromEntries(exact) as unknown as NewEvent;
}

/** The app's names cannot meet the host's own. */
function appValues(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`app:${name}`, value]));
}
