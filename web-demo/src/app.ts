/** What the page can do, in one object: views read it and call it. */
import { EVERYONE, type EventKind, type Place } from "@segue/browser";
import type { People } from "./data/api";
import { Catalogue } from "./data/catalogue";
import { keepSetting, setting } from "./data/settings";
import type { Store } from "./data/store";
import { noticeOf, Player, type Notice } from "./player/player";
import { Playback } from "./player/playback";
import type { Damage } from "./player/sabotage";
import { isSwitchedOff, startWorker, switchNetwork } from "./player/switch";

const KEEP_PLAYED_MS = 5_000;

/** What views are told. */
export interface Listener {
  /** Something changed. */
  changed(): void;
  /** The clock moved on. */
  ticked(): void;
  /** There is something to say. */
  notified(notice: Notice): void;
}

/** The running application. */
export class App {
  player: Player | null = null;
  /** The offline switch; null until the service worker can be asked. */
  offline: boolean | null = null;
  readonly catalogue: Catalogue;
  /** Who may listen. */
  readonly users: string[];
  readonly playback: Playback;
  /** How many players are being opened. */
  opening = 0;
  private keptAt = 0;
  /** Players are opened one after the other; `asked` counts them. */
  private turn: Promise<unknown> = Promise.resolve();
  private asked = 0;

  constructor(
    private readonly rootKey: string,
    store: Store,
    private readonly people: People,
    private readonly listener: Listener,
  ) {
    this.catalogue = new Catalogue(store);
    this.users = [...people.users, EVERYONE];
    this.playback = new Playback(
      () => this.ticked(),
      () => void this.act("complete"),
    );
  }

  /** Opens the player of whoever listened last. */
  async start(): Promise<void> {
    this.playback.speed = setting<number>("speed") ?? 1;
    const last = setting<string>("user");
    const user = last !== undefined && this.users.includes(last) ? last : this.users[0];
    if (user === undefined) throw new Error("nobody has a pack");
    await this.open(user);
    void this.awaitWorker();
    for (const turn of ["online", "offline"]) window.addEventListener(turn, () => this.listener.changed());
  }

  /** Lets `user` listen; of several asked for at once the last one does. */
  async open(user: string, surface?: string): Promise<void> {
    this.asked += 1;
    const asked = this.asked;
    const opened = this.turn.then(() => (asked === this.asked ? this.change(user, surface) : undefined));
    this.turn = opened.catch(() => undefined);
    await this.during(opened);
  }

  /** Tells the engine what happened to the item that plays. */
  async act(kind: EventKind): Promise<void> {
    const { player } = this;
    if (!player?.session.track) return;
    const playing = player.session.track;
    const played = kind === "complete" ? this.playback.totalMs : this.playback.playedMs;
    const done = player.act(kind, played);
    if (player.session.track !== playing) this.startTrack();
    await done;
  }

  /** Likes, or takes the like back. */
  like(): Promise<void> {
    return this.act(this.player?.session.track?.liked ? "unlike" : "like");
  }

  /** Sends an item of the list away. */
  async dismiss(place: Place): Promise<void> {
    await this.player?.actOn("not_interested", place);
  }

  /** Plays an item of the list. */
  async playNow(place: Place): Promise<void> {
    const done = this.player?.playNow(place, this.playback.playedMs);
    this.startTrack();
    await done;
  }

  /** Sets how fast the pretended playback runs. */
  setSpeed(speed: number): void {
    this.playback.speed = speed;
    this.listener.changed();
    keepSetting("speed", speed);
  }

  /** Turns the network off or on for this page. */
  async setOffline(offline: boolean): Promise<void> {
    this.showOffline(await switchNetwork(offline));
    if (!offline) await this.player?.backOnline();
  }

  /** Damages what the engine is fed with. */
  async damage(damage: Damage): Promise<void> {
    await this.player?.damage(damage, this.users);
  }

  /** Feeds the good bytes again. */
  async repair(): Promise<void> {
    await this.player?.repair();
  }

  /** Begins a new session. */
  async startOver(): Promise<void> {
    await this.player?.startOver();
    this.startTrack();
    this.listener.changed();
  }

  /** Says what went wrong. */
  complain(failure: unknown): void {
    this.listener.notified(noticeOf(failure));
  }

  private async during(opened: Promise<void>): Promise<void> {
    this.opening += 1;
    this.listener.changed();
    try {
      await opened;
    } finally {
      this.opening -= 1;
      this.listener.changed();
    }
  }

  private async change(user: string, surface?: string): Promise<void> {
    const before = this.player;
    const wanted = surface ?? setting<string>("surface");
    this.player = await this.openPlayer(user, wanted).catch((failure: unknown) => {
      // The one kept may be of other data.
      if (wanted === undefined || noticeOf(failure).code !== "surface_unknown") throw failure;
      return this.openPlayer(user);
    });
    keepSetting("user", user);
    if (surface !== undefined) keepSetting("surface", surface);
    this.startTrack();
    this.listener.changed();
    await before?.close();
  }

  private openPlayer(user: string, surface = this.people.surface): Promise<Player> {
    return Player.open(user, surface, {
      rootKey: this.rootKey,
      catalogue: this.catalogue,
      changed: () => this.listener.changed(),
      notify: (notice) => this.listener.notified(notice),
      offline: () => this.offline === true,
    });
  }

  private async awaitWorker(): Promise<void> {
    if (await startWorker()) this.showOffline(await isSwitchedOff());
  }

  private showOffline(offline: boolean): void {
    this.offline = offline;
    this.listener.changed();
  }

  private startTrack(): void {
    const { player } = this;
    if (!player) return;
    this.playback.start(player.session.track ? player.totalMs : 0, player.session.track?.played_ms);
  }

  private ticked(): void {
    this.listener.ticked();
    const now = performance.now();
    if (!this.playback.playing || now - this.keptAt < KEEP_PLAYED_MS) return;
    this.keptAt = now;
    void this.player?.keepPlayed(this.playback.playedMs);
  }
}
