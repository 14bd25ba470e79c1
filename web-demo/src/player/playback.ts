/** A clock that pretends to play: no sound, adjustable speed. */
const TICK_MS = 250;

/** The speeds offered. */
export const SPEEDS = [1, 5, 20] as const;

/** Plays one item after the other, as told. */
export class Playback {
  playing = true;
  speed: number = SPEEDS[0];
  playedMs = 0;
  totalMs = 0;
  private last = 0;

  constructor(
    private readonly tick: () => void,
    private readonly ended: () => void,
  ) {
    setInterval(() => this.advance(), TICK_MS);
  }

  /** Begins an item. */
  start(totalMs: number, playedMs = 0): void {
    this.totalMs = totalMs;
    this.playedMs = Math.min(playedMs, totalMs);
    this.last = performance.now();
    this.tick();
  }

  /** Plays or pauses. */
  toggle(): void {
    this.playing = !this.playing;
    this.last = performance.now();
    this.tick();
  }

  private advance(): void {
    const now = performance.now();
    const passed = (now - this.last) * this.speed;
    this.last = now;
    if (!this.playing || this.totalMs === 0) return;
    this.playedMs = Math.min(this.playedMs + passed, this.totalMs);
    this.tick();
    if (this.playedMs >= this.totalMs) this.ended();
  }
}
