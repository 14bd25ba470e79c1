/** The live session: what the engine remembers, under an id and with a seed. */
import type { Engine } from "../engine.js";
import type { SegueEvent } from "../types.js";
import { asHostError, type HostError } from "./failure.js";
import type { HostStore, Recorded, Values } from "./store/contract.js";

const KEY = "session";
/** A session ends when this long nothing happened, as it does for the service. */
const IDLE_MS = 30 * 60_000;
/** A clock set back by no more than this keeps the order in which things happened; the engine goes by arrival beyond it. */
const SET_BACK_MS = 60 * 60_000;
/** Events kept at hand to be applied again; a browser that keeps nothing must not gather more. */
const MOST_OWN = 1_000;

interface Saved {
  id: string;
  seed: number;
  /** When something happened last. */
  newest_ms: number;
  /** How many events the person's engine had applied when it was told to forget them. */
  before: number;
  /** Another one with each write, so that a tab notices what others have written. */
  revision: string;
  engine: Uint8Array;
}

const fresh = (before: number): Omit<Saved, "revision" | "engine"> => ({
  id: crypto.randomUUID(),
  seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
  newest_ms: Date.now(),
  before,
});

/** A write of a session that other tabs can read: what is kept now, and what was before. */
export interface Step {
  session: string;
  revision: string;
  based: string;
}

/** What became of events handed over. */
export interface Kept extends Recorded {
  /** How what is kept of the session has changed; null when only this tab's memory holds it. */
  step: Step | null;
  /** Whether the engine has caught up with other tabs, so that the list is another one. */
  caughtUp: boolean;
}

/** One subject's session, shared by all tabs. */
export class Session {
  private now = fresh(0);
  /** The write that the engine reflects, apart from the events of this tab below. */
  private known = "";
  /** Events that no other tab finds in what is kept yet. */
  private own: SegueEvent[] = [];
  /** Whether this tab has begun the session, so that what is kept is of the one before. */
  private begun = false;

  constructor(
    private readonly engine: Engine,
    private readonly store: HostStore,
  ) {}

  /** Its id, which events carry. */
  get id(): string {
    return this.now.id;
  }

  /** Where the engine's draws start; the same in all tabs, so that they show the same list. */
  get seed(): number {
    return this.now.seed;
  }

  /** How many events of the person the engine does not know of, which exploration goes by. */
  get interactionsBefore(): number {
    return this.now.before;
  }

  /** Goes on with what was kept, or begins what other tabs join; answers why what was kept is of no use. */
  async restore(): Promise<HostError | null> {
    const saved = await this.store.read<Saved>(KEY);
    const failure = saved ? this.adopt(saved) : null;
    if (!saved || this.id !== saved.id) await this.keep([], {});
    return failure;
  }

  /**
   * Something happens: after a long silence it is the first thing of another session. Answers its time, which is never
   * before what happened last, so that a clock that was set back does not make it look older.
   */
  awake(): number {
    this.end();
    const [now, newest] = [Date.now(), this.now.newest_ms];
    this.now.newest_ms = newest - now <= SET_BACK_MS ? Math.max(newest, now) : now;
    return this.now.newest_ms;
  }

  /** Applies an event that is not kept yet. */
  apply(event: SegueEvent): void {
    this.engine.apply(event);
    this.own.push(event);
    if (this.own.length > MOST_OWN) this.own.shift();
  }

  /** Applies events of another tab, after catching up with what is kept where this one has missed some. */
  async join(events: SegueEvent[], step: Step | null): Promise<void> {
    this.awake();
    if (!step) return events.forEach((event) => this.apply(event));
    const follows = step.based === this.known && step.session === this.now.id;
    if (follows) this.known = step.revision;
    else if (step.revision !== this.known) await this.reread();
    for (const event of events) this.engine.apply(event);
  }

  /** Takes over what another tab has kept. */
  async reread(): Promise<void> {
    const saved = await this.store.read<Saved>(KEY);
    if (saved) this.adopt(saved);
  }

  /** Keeps events, values and the session in one transaction, after catching up with what other tabs have kept. */
  async keep(events: SegueEvent[], values: Values): Promise<Kept> {
    let [step, included, caughtUp]: [Step, SegueEvent[], boolean] = [{ session: "", revision: "", based: "" }, [], false];
    const after = (kept: unknown): Saved => {
      caughtUp = this.catchUp(kept as Saved | undefined) || caughtUp;
      step = { session: this.now.id, revision: crypto.randomUUID(), based: this.known };
      included = [...this.own];
      return { ...this.now, revision: step.revision, engine: this.engine.save_session() };
    };
    const recorded = await this.store.record(events, values, { key: KEY, after });
    this.known = step.revision;
    if (step.session === this.now.id) this.begun = false;
    if (recorded.storage === "memory") return { ...recorded, step: null, caughtUp };
    this.own = this.own.filter((event) => !included.includes(event));
    return { ...recorded, step, caughtUp };
  }

  /** Begins another. */
  begin(): void {
    const before = this.now.before + this.engine.interactions();
    this.engine.reset_session();
    this.now = fresh(before);
    this.own = [];
    this.begun = true;
  }

  /** After a long silence the person's next session begins. */
  private end(): void {
    if (Date.now() - this.now.newest_ms <= IDLE_MS) return;
    this.engine.next_session();
    this.now = fresh(this.now.before);
  }

  private catchUp(kept: Saved | undefined): boolean {
    if (!kept || kept.revision === this.known || this.begun) return false;
    return this.adopt(kept) === null;
  }

  /** Takes over what was kept and applies this tab's events to it again; ids make that harmless. */
  private adopt(saved: Saved): HostError | null {
    this.known = saved.revision;
    try {
      if (saved.engine.length > 0) this.engine.restore_session(saved.engine);
      else this.engine.reset_session();
      this.now = { id: saved.id, seed: saved.seed, newest_ms: saved.newest_ms, before: saved.before };
      this.end();
      for (const event of this.own) this.engine.apply(event);
      return null;
    } catch (failure) {
      return asHostError(failure);
    }
  }
}
