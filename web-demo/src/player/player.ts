/** The player: one person, one host, one session. Views listen to it and call its methods. */
import { EVERYONE, openSegue, type EventKind, type Host, type HostState, type Manifest, type NewEvent, type PackInfo, type Place, type SegueEvent, type Slate } from "@segue/browser";
import type { Catalogue } from "../data/catalogue";
import { movements, story } from "./movement";
import type { Damage } from "./sabotage";
import { measure, newSession, remember, type SavedSession, type Track } from "./session";

/** How many places are shown. */
export const SHOWN = 12;
/** The most places the engine ranks at once. */
const MOST_PLACES = 500;
const USUAL_LENGTH_MS = 210_000;
/** Waits this short let a newcomer see the outbox empty itself. */
const GATHER_MS = 300;
/** These end what plays; the next item of the list follows. */
const ENDING: EventKind[] = ["skip", "complete", "not_interested"];

/** Something to tell the person. */
export interface Notice {
  code: string;
  message: string;
  /** Whether something was refused or failed, as against good news. */
  bad: boolean;
}

/** What the player needs from around it. */
export interface Surroundings {
  rootKey: string;
  catalogue: Catalogue;
  /** Called after every change. */
  changed: () => void;
  /** Called with what the person should know. */
  notify: (notice: Notice) => void;
  /** Whether the network is switched off. */
  offline: () => boolean;
}

/** One person's player. Open it, act on it, close it. */
export class Player {
  /** Whether a list that is made answers a gesture in this page, which shows it itself. */
  private acting = false;

  private constructor(
    readonly user: string,
    private readonly host: Host,
    public session: SavedSession,
    private readonly around: Surroundings,
  ) {
    host.on("state", () => around.changed());
    host.on("list", (slate) => !this.acting && void this.relisted(slate));
    host.on("events", (events) => void this.happenedElsewhere(events));
  }

  /** Opens the player of `user`: from the service, or from what was kept when the service is away. */
  static async open(user: string, surface: string | undefined, around: Surroundings): Promise<Player> {
    const host = await openSegue({
      root: around.rootKey,
      ...(user === EVERYONE ? {} : { user }),
      surface: surface ?? "radio",
      count: SHOWN + 1,
      gatherMs: GATHER_MS,
      context: (): Record<string, string> => (around.offline() ? { network: "offline" } : {}),
    });
    // At once, as what failed while it opened is told right afterwards.
    host.on("error", (failure) => around.notify(noticeOf(failure)));
    const kept = await host.kept<SavedSession>(`player:${user}`);
    const player = new Player(user, host, kept?.id === host.sessionId ? kept : newSession(host.sessionId), around);
    await player.begin();
    return player;
  }

  /** The manifest of the last good generation. */
  get manifest(): Manifest {
    return this.host.manifest;
  }

  /** The last good pack. */
  get pack(): PackInfo {
    return this.host.pack;
  }

  /** The surface the list is made for. */
  get surface(): string {
    return this.host.surface;
  }

  /** How storage and outbox are doing. */
  get state(): HostState {
    return this.host.state;
  }

  /** The list in the state it was made in. */
  get slate(): Slate | null {
    return this.session.slate;
  }

  /** Length of what plays. */
  get totalMs(): number {
    const { track } = this.session;
    return (track && this.around.catalogue.item(track.item).duration_ms) || USUAL_LENGTH_MS;
  }

  /** Something happened to what plays: tell the engine, re-rank, go on. */
  async act(kind: EventKind, playedMs: number): Promise<void> {
    const { track } = this.session;
    if (!track) return;
    const event = this.event(kind, track, playedMs);
    if (kind === "like" || kind === "unlike") track.liked = kind === "like";
    await this.happen([event], ENDING.includes(kind) ? "first" : "same");
  }

  /** Something happened to an item of the list. */
  async actOn(kind: EventKind, place: Place): Promise<void> {
    await this.happen([this.event(kind, this.trackOf(place), 0)], "same");
  }

  /** Plays an item of the list now; what played is stopped, which is no skip. */
  async playNow(place: Place, playedMs: number): Promise<void> {
    const { track } = this.session;
    if (!track) return;
    const chosen = this.trackOf(place);
    await this.happen([this.event("stop", track, playedMs), this.event("click", chosen, 0)], chosen);
  }

  /** Keeps how far the item has played, so that a reload goes on from there. */
  async keepPlayed(playedMs: number): Promise<void> {
    if (!this.session.track) return;
    this.session.track.played_ms = playedMs;
    await this.keep();
  }

  /** Hands the engine damaged input; the refusal is told and the list made again. */
  async damage(damage: Damage, others: string[]): Promise<void> {
    try {
      await damage.inflict(this.host, others);
    } catch (failure) {
      this.around.notify(noticeOf(failure));
    }
    this.host.rank();
  }

  /** Feeds the good bytes again. */
  repair(): void {
    const [first] = this.host.repair();
    this.around.notify(first ? noticeOf(first) : { code: "restored", message: "The good pack and model are back.", bad: false });
  }

  /** The network is back: sends what waits and looks for a newer pack. */
  async backOnline(): Promise<void> {
    await Promise.all([this.host.wake(), this.host.refresh()]);
  }

  /** Forgets the session and starts another. */
  async startOver(): Promise<void> {
    await this.silently(() => this.host.startOver());
    this.session = newSession(this.host.sessionId);
    await this.first(this.host.list);
  }

  /** Releases the engine; nothing may be called afterwards. */
  close(): Promise<void> {
    return this.host.close();
  }

  /** Learns what the list names, and goes on with what played, or with the first item. */
  private async begin(): Promise<void> {
    const all = this.host.rank(MOST_PLACES).places.map((place) => place.item);
    this.around.catalogue.mention(this.host.list.places);
    await this.around.catalogue.learn([...this.shown(), ...all.slice(0, SHOWN + 1)]).catch(() => undefined);
    // The list may have been made again in the meantime.
    const [before, slate] = [this.slate, this.host.list];
    if (this.session.track === null) await this.first(slate);
    else if (before?.fallback !== slate.fallback || before.generation !== slate.generation) await this.relisted(slate);
    // Any candidate may come up while the network is away, so all are learnt.
    void this.around.catalogue.learn(all).then(this.around.changed, () => undefined);
  }

  /** The first item of a new session. */
  private async first(slate: Slate): Promise<void> {
    this.advance(slate);
    this.show(slate);
    this.around.changed();
    await this.keep();
  }

  /** Applies events, re-ranks once, and plays what follows. The last event is the one the list answers. */
  private async happen(events: NewEvent[], next: "same" | "first" | Track): Promise<void> {
    const event = events.at(-1);
    if (!event) return;
    const started = performance.now();
    for (const each of events) this.host.apply(each);
    // After a long silence they are the first of another session.
    this.session.id = this.host.sessionId;
    const slate = this.silently(() => this.host.rank());
    measure(this.session, { kind: event.kind, milliseconds: performance.now() - started });

    const item = event.item ?? "";
    const before = this.session.upNext;
    remember(this.session, { kind: event.kind, item, time_ms: Date.now() });
    if (next === "first") this.advance(slate);
    else if (next !== "same") this.play(next);
    this.show(slate);
    const left = next === "same" ? item : this.session.track?.item;
    this.session.movements = movements(before, this.session.upNext, left ?? "");
    this.session.story = story(event.kind, item, before, this.session.upNext, this.session.movements);
    this.around.changed();
    await this.keep();
    await this.learnMissing();
  }

  /** Another tab of the same person applied these. */
  private async happenedElsewhere(events: SegueEvent[]): Promise<void> {
    for (const { kind, item, time_ms } of events) {
      if (kind !== "play") remember(this.session, { kind, item: item ?? "", time_ms });
    }
    this.around.changed();
    await this.keep();
    await this.learnMissing();
  }

  /** Takes the first place of the slate as what plays. */
  private advance(slate: Slate): void {
    const next = slate.places[0];
    if (next) this.play(this.trackOf(next, slate));
    else this.session.track = null;
  }

  private play(track: Track): void {
    this.session.track = track;
    this.host.apply(this.event("play", track, 0));
  }

  private trackOf(place: Place, slate: Slate | null = this.slate): Track {
    return { item: place.item, slate: slate?.slate ?? "", position: place.position, played_ms: 0, liked: false };
  }

  private show(slate: Slate): void {
    this.around.catalogue.mention(slate.places);
    this.session.slate = { ...slate, places: [] };
    this.session.upNext = slate.places.filter((place) => place.item !== this.session.track?.item).slice(0, SHOWN);
  }

  /** The list was made again without a gesture here: after damage, repair, a newer pack or another tab's events. */
  private async relisted(slate: Slate): Promise<void> {
    if (this.session.id !== this.host.sessionId) {
      this.session = newSession(this.host.sessionId);
      return this.first(slate);
    }
    const before = this.session.upNext;
    this.show(slate);
    this.session.movements = movements(before, this.session.upNext, "");
    this.session.story = null;
    this.around.changed();
    await this.keep();
    await this.learnMissing();
  }

  /** Every item the page names. */
  private shown(): string[] {
    const { track, upNext, entries } = this.session;
    const items = [track?.item ?? "", ...upNext.map((place) => place.item), ...entries.map((entry) => entry.item)];
    return items.filter((item) => item !== "");
  }

  private async learnMissing(): Promise<void> {
    const shown = this.shown();
    if (shown.every((item) => this.around.catalogue.knows(item))) return;
    await this.around.catalogue.learn(shown).catch(() => undefined);
    this.around.changed();
  }

  /** Keeps what happened and what is shown, in one transaction. */
  private async keep(): Promise<void> {
    await this.host.commit({ [`player:${this.user}`]: this.session }).catch((failure: unknown) => this.around.notify(noticeOf(failure)));
  }

  /** Makes the list without showing it yet. */
  private silently<T>(work: () => T): T {
    this.acting = true;
    try {
      return work();
    } finally {
      this.acting = false;
    }
  }

  private event(kind: EventKind, track: Track, playedMs: number): NewEvent {
    return {
      kind,
      item: track.item,
      position: track.position,
      slate: track.slate,
      played_ms: Math.round(playedMs),
      total_ms: this.totalMs,
    };
  }
}

/** Any failure in the words of a notice. */
export function noticeOf(failure: unknown): Notice {
  const code = (failure as { code?: unknown } | null)?.code;
  const message = (failure as { message?: unknown } | null)?.message;
  const name = typeof code === "string" ? code : "unexpected";
  const words = typeof message === "string" ? message : String(failure);
  return { code: name, message: words.startsWith(`${name}: `) ? words.slice(name.length + 2) : words, bad: true };
}
