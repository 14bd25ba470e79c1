/** The state the list was made in: ranked, or which fallback and why; and of what. */
import type { App } from "../app";
import { ageWords, fallbackWords } from "../words";
import { element, setText } from "./element";
import { Pill } from "./pill";

/** The engine's card. */
export class Status {
  readonly node: HTMLElement;
  private readonly pill = new Pill();
  private readonly words = element("p", { class: "status-words" });
  private readonly facts = element("dl", { class: "facts" });
  private shown = "";

  constructor(private readonly app: App) {
    this.node = element("section", { class: "card status", "aria-label": "State of the engine" }, element("div", { class: "status-head" }, element("h2", {}, "Engine"), this.pill.node), this.words, this.facts);
  }

  /** Shows the state as it is now. */
  update(): void {
    const { player } = this.app;
    const slate = player?.slate;
    if (!player || !slate) return;
    const ranked = slate.order === "ranked";
    this.pill.update(slate);
    setText(this.words, ranked ? rankedWords(slate.stale) : fallbackWords(slate.fallback ?? "fallback"));
    const manifest = player.manifest;
    const pack = player.pack;
    const facts: [string, string][] = [
      ["Pack", `${pack.candidates} candidates for ${pack.subject.replace(/^user:/, "")}`],
      ["Generation", `${pack.generation}, made ${ageWords(pack.created_ms)}${slate.stale ? ", past its end" : ""}`],
      ["Model", manifest.ranker ? `${manifest.ranker.hash.slice(0, 10)} · ${Math.round(manifest.ranker.bytes / 1_000)} kB` : "none"],
      ["Network", this.app.offline ? "switched off" : "not needed to re-rank"],
    ];
    const face = JSON.stringify(facts);
    if (face === this.shown) return;
    this.shown = face;
    this.facts.replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  }
}

const rankedWords = (stale: boolean): string =>
  stale
    ? "The list follows your session. The pack is past its end and is replaced as soon as the service is back."
    : "The list follows your session, event by event.";
