/** What plays: cover, title, progress, and the four things a listener can say about it. */
import type { App } from "../app";
import { SPEEDS } from "../player/playback";
import { clockWords } from "../words";
import { cover } from "./cover";
import { assign, element, setText } from "./element";
import { icon } from "./icons";

/** The card and its controls; on a phone the controls live at the bottom edge. */
export class NowPlaying {
  readonly node: HTMLElement;
  private readonly controls: HTMLElement;
  private readonly art = element("div", { class: "art" });
  private readonly title = element("h2", { class: "title", id: "now-title" });
  private readonly creator = element("p", { class: "creator" });
  private readonly chips = element("ul", { class: "chips", "aria-label": "Genres" });
  private readonly bar = element("div", { class: "progress-done" });
  private readonly progress: HTMLElement;
  private readonly played = element("span", {});
  private readonly total = element("span", {});
  private readonly speeds: HTMLElement;
  private readonly like: HTMLButtonElement;
  private readonly toggle: HTMLButtonElement;
  private shown = "";

  constructor(private readonly app: App) {
    this.progress = element("div", { class: "progress", role: "progressbar", "aria-label": "Played", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.speeds = element("div", { class: "speeds", role: "group", "aria-label": "Speed of the pretended playback" });
    for (const speed of SPEEDS) {
      this.speeds.append(element("button", { type: "button", "data-speed": speed, onclick: () => void app.setSpeed(speed) }, `${speed}×`));
    }
    this.like = control("like", "Like", "L", () => void app.like());
    this.toggle = element("button", { type: "button", class: "control control-main", onclick: () => app.playback.toggle() });
    this.controls = element(
      "div",
      { class: "controls", role: "group", "aria-label": "Player controls" },
      control("not_interested", "Not for me", "N", () => void app.act("not_interested")),
      this.like,
      this.toggle,
      control("skip", "Skip", "S", () => void app.act("skip")),
      control("complete", "Finish", "P", () => void app.act("complete")),
    );
    this.node = element(
      "section",
      { class: "card playing", "aria-labelledby": "now-title" },
      this.art,
      element("div", { class: "playing-text" }, this.title, this.creator, this.chips),
      element("div", { class: "playing-time" }, this.progress, element("div", { class: "times" }, this.played, this.speeds, this.total)),
      this.controls,
    );
  }

  /** Shows the state as it is now. */
  update(): void {
    const track = this.app.player?.session.track;
    const item = track ? this.app.catalogue.item(track.item) : { item: "", title: "Nothing left to play" };
    const face = JSON.stringify([item.item, item.title, item.creator_name]);
    if (face !== this.shown) {
      this.shown = face;
      this.node.dataset.item = item.item;
      this.art.replaceChildren(cover(item, true));
      setText(this.title, item.title);
      setText(this.creator, item.creator_name ?? item.creator ?? "");
      this.chips.replaceChildren(...traits(item.categories ?? [], item.attributes ?? {}).map((trait) => element("li", { class: "chip" }, trait)));
    }
    assign(this.like, { "aria-pressed": track?.liked === true });
    for (const button of this.speeds.children) {
      assign(button, { "aria-pressed": button.getAttribute("data-speed") === String(this.app.playback.speed) });
    }
    this.tick();
  }

  /** Shows how far it has played. */
  tick(): void {
    const { playedMs, totalMs, playing } = this.app.playback;
    const share = totalMs > 0 ? playedMs / totalMs : 0;
    this.bar.style.transform = `scaleX(${share})`;
    assign(this.progress, { "aria-valuenow": Math.round(share * 100), "aria-valuetext": `${clockWords(playedMs)} of ${clockWords(totalMs)}` });
    setText(this.played, clockWords(playedMs));
    setText(this.total, clockWords(totalMs));
    const name = playing ? "Pause" : "Play";
    if (this.toggle.getAttribute("aria-label") !== name) {
      assign(this.toggle, { "aria-label": name, title: `${name} (space)` });
      this.toggle.replaceChildren(icon(playing ? "pause" : "play"));
    }
  }
}

function control(name: "skip" | "like" | "not_interested" | "complete", label: string, key: string, onclick: () => void): HTMLButtonElement {
  return element(
    "button",
    { type: "button", class: `control control-${name}`, "data-kind": name, title: `${label} (${key})`, "aria-keyshortcuts": key, onclick },
    icon(name),
    element("span", { class: "control-word" }, label),
  );
}

/** Genres first, then mood and tempo where the catalogue has them. */
function traits(categories: string[], { mood, tempo }: Record<string, string | number>): string[] {
  return [...categories.slice(0, 3), ...(typeof mood === "string" ? [mood] : []), ...(typeof tempo === "number" ? [`${Math.round(tempo)} bpm`] : [])];
}
