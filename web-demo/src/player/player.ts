/** The player: one person, one engine, one session. Views listen to it and call its methods. */
import type { EventKind, Manifest, PackInfo, Place, SegueEvent, Slate } from "@segue/browser";
import { subjectOf } from "../data/bundle";
import { RequestFailure } from "../data/api";
import type { Catalogue } from "../data/catalogue";
import type { Store } from "../data/store";
import { circumstances } from "./context";
import { movements, story } from "./movement";
import type { Damage } from "./sabotage";
import { measure, newSession, remember, type SavedSession, type Track } from "./session";
import { Supply } from "./supply";

/** How many places are shown. */
export const SHOWN = 12;
/** The most places the engine ranks at once. */
const MOST_PLACES = 500;
const EVERYONE = "region:all";
const USUAL_LENGTH_MS = 210_000;
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
  store: Store;
  catalogue: Catalogue;
  /** Called after every change. */
  changed: () => void;
  /** Called with what the person should know. */
  notify: (notice: Notice) => void;
  /** Called when an event was put into the outbox. */
  queued: () => void;
}

/** One person's player. Open it, act on it, close it. */
export class Player {
  offline = false;
  private saving: Promise<void> = Promise.resolve();

  private constructor(
    readonly user: string,
    readonly surface: string,
    private readonly supply: Supply,
    public session: SavedSession,
    private readonly around: Surroundings,
  ) {}

  /** Opens the player of `user`: from the service, or from what was kept when the service is away. */
  static async open(user: string, wantedSurface: string | undefined, around: Surroundings): Promise<Player> {
    const supply = await Supply.open(around.rootKey, around.store, user, (refusal) => around.notify(noticeOf(refusal)));
    const surfaces = Object.keys(supply.manifest.policies).sort();
    const surface = [wantedSurface, "radio", surfaces[0]].find((name) => name !== undefined && surfaces.includes(name)) ?? "radio";
    const kept = await around.store.session(subjectOf(user));
    const player = new Player(user, surface, supply, kept ?? newSession(), around);
    if (kept) player.restore(kept);
    const slate = player.rank(MOST_PLACES);
    const candidates = slate.places.map((place) => place.item);
    around.catalogue.mention(slate.places);
    await around.catalogue.learn([...player.shown(), ...candidates.slice(0, SHOWN + 1)]).catch(() => undefined);
    const before = player.session.slate;
    if (player.session.track === null) await player.begin();
    else if (before?.fallback !== slate.fallback || before.generation !== slate.generation) await player.relist();
    // Any candidate may come up while the network is away, so all are learnt.
    void around.catalogue.learn(candidates).then(around.changed, () => undefined);
    return player;
  }

  /** The manifest of the last good generation. */
  get manifest(): Manifest {
    return this.supply.manifest;
  }

  /** The last good pack. */
  get pack(): PackInfo {
    return this.supply.pack;
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
    await this.keep([]);
  }

  /** Hands the engine damaged input; the refusal is told and the list made again. */
  async damage(damage: Damage, others: string[]): Promise<void> {
    try {
      await damage.inflict(this.supply.engine, this.supply.bundle, others);
    } catch (failure) {
      this.around.notify(noticeOf(failure));
    }
    await this.relist();
  }

  /** Feeds the good bytes again. */
  async repair(): Promise<void> {
    const [first] = this.supply.repair();
    this.around.notify(first ? noticeOf(first) : { code: "restored", message: "The good pack and model are back.", bad: false });
    await this.relist();
  }

  /** Looks for a newer generation; whatever goes wrong, the present one stays. */
  async refresh(): Promise<void> {
    try {
      const fed = await this.supply.refresh((refusal) => this.around.notify(noticeOf(refusal)));
      if (fed) await this.relist();
    } catch (failure) {
      if (!(failure instanceof RequestFailure)) this.around.notify(noticeOf(failure));
    }
    this.around.changed();
  }

  /** Forgets the session and starts another. */
  async startOver(): Promise<void> {
    await this.saving;
    await this.around.store.forgetSession(subjectOf(this.user));
    this.session = newSession();
    this.supply.engine.reset_session();
    await this.begin();
  }

  /** Releases the engine; nothing may be called afterwards. */
  async close(): Promise<void> {
    await this.saving;
    this.supply.engine.free();
  }

  private restore(kept: SavedSession): void {
    try {
      this.supply.engine.restore_session(kept.engine);
    } catch (failure) {
      this.around.notify(noticeOf(failure));
      this.session = newSession();
    }
  }

  private rank(count = SHOWN + 1): Slate {
    return this.supply.engine.rank({
      surface: this.surface,
      count,
      now_ms: Date.now(),
      seed: this.session.seed,
      context: circumstances(this.surface, this.offline),
    });
  }

  /** The first item of a new session. */
  private async begin(): Promise<void> {
    const slate = this.rank();
    const events = this.advance(slate);
    this.list(slate);
    await this.keep(events);
    this.around.changed();
  }

  /** Applies events, re-ranks once, and plays what follows. The last event is the one the list answers. */
  private async happen(events: SegueEvent[], next: "same" | "first" | Track): Promise<void> {
    const event = events.at(-1);
    if (!event) return;
    const started = performance.now();
    for (const each of events) this.supply.engine.apply(each);
    const slate = this.rank();
    measure(this.session, { kind: event.kind, milliseconds: performance.now() - started });

    const item = event.item ?? "";
    const before = this.session.upNext;
    remember(this.session, { kind: event.kind, item, time_ms: event.time_ms });
    const played = next === "first" ? this.advance(slate) : next === "same" ? [] : this.play(next);
    this.list(slate);
    const left = next === "same" ? item : this.session.track?.item;
    this.session.movements = movements(before, this.session.upNext, left ?? "");
    this.session.story = story(event.kind, item, before, this.session.upNext, this.session.movements);
    this.around.changed();
    await this.keep([...events, ...played]);
    await this.learnMissing();
  }

  /** Takes the first place of the slate as what plays. */
  private advance(slate: Slate): SegueEvent[] {
    const next = slate.places[0];
    if (next) return this.play(this.trackOf(next, slate));
    this.session.track = null;
    return [];
  }

  private play(track: Track): SegueEvent[] {
    this.session.track = track;
    const event = this.event("play", track, 0);
    this.supply.engine.apply(event);
    return [event];
  }

  private trackOf(place: Place, slate: Slate | null = this.slate): Track {
    return { item: place.item, slate: slate?.slate ?? "", position: place.position, played_ms: 0, liked: false };
  }

  private list(slate: Slate): void {
    this.around.catalogue.mention(slate.places);
    this.session.slate = { ...slate, places: [] };
    this.session.upNext = slate.places.filter((place) => place.item !== this.session.track?.item).slice(0, SHOWN);
  }

  /** The list again, without an event: after damage, repair or a newer pack. */
  private async relist(): Promise<void> {
    const before = this.session.upNext;
    this.list(this.rank());
    this.session.movements = movements(before, this.session.upNext, "");
    this.session.story = null;
    this.around.changed();
    await this.keep([]);
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

  private keep(events: SegueEvent[]): Promise<void> {
    const write = async (): Promise<void> => {
      this.session.engine = this.supply.engine.save_session();
      await this.around.store.keepSession(subjectOf(this.user), this.session, events);
      if (events.length > 0) this.around.queued();
    };
    this.saving = this.saving.then(write).catch((failure: unknown) => this.around.notify(noticeOf(failure)));
    return this.saving;
  }

  private event(kind: EventKind, track: Track, playedMs: number): SegueEvent {
    return {
      event_id: crypto.randomUUID(),
      user: this.user === EVERYONE ? "" : this.user,
      session: this.session.id,
      item: track.item,
      kind,
      time_ms: Date.now(),
      position: track.position,
      slate: track.slate,
      played_ms: Math.round(playedMs),
      total_ms: this.totalMs,
      context: circumstances(this.surface, this.offline),
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
