/** The page: its parts, its layout and its keyboard. */
import type { App } from "../app";
import type { Notice } from "../player/player";
import { Chart } from "./chart";
import { hueOf } from "./cover";
import { Drawer } from "./drawer";
import { element } from "./element";
import { Header } from "./header";
import { NowPlaying } from "./now-playing";
import { Status } from "./status";
import { Strip } from "./strip";
import { Toasts } from "./toasts";
import { UpNext } from "./up-next";

/** Everything on the screen. */
export class Page {
  readonly node: HTMLElement;
  private readonly drawer: Drawer;
  private readonly playing: NowPlaying;
  private readonly toasts = new Toasts();
  private readonly parts: { update(): void }[];

  constructor(private readonly app: App) {
    this.drawer = new Drawer(app);
    const header = new Header(app, () => this.drawer.open());
    this.playing = new NowPlaying(app);
    const upNext = new UpNext(app);
    const status = new Status(app);
    const chart = new Chart(app);
    const strip = new Strip(app);
    this.parts = [header, this.playing, upNext, status, chart, strip, this.drawer];
    this.node = element(
      "div",
      { class: "page" },
      element("div", { class: "glow", "aria-hidden": "true" }),
      header.node,
      element(
        "main",
        { class: "columns" },
        element("div", { class: "column column-playing" }, this.playing.node, strip.node),
        element("div", { class: "column column-list" }, upNext.node),
        element("aside", { class: "column column-engine", "aria-label": "Engine" }, status.node, chart.node),
      ),
      this.drawer.node,
    );
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** Shows the state as it is now. */
  update(): void {
    const track = this.app.player?.session.track;
    if (track) document.documentElement.style.setProperty("--hue", String(hueOf(this.app.catalogue.item(track.item))));
    for (const part of this.parts) part.update();
  }

  /** Shows how far the item has played. */
  tick(): void {
    this.playing.tick();
  }

  /** Says something. */
  toast(notice: Notice): void {
    this.toasts.show(notice);
  }

  private key(event: KeyboardEvent): void {
    const { target } = event;
    const typing = target instanceof HTMLElement && target.closest("select, input, textarea, dialog[open]") !== null;
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const deeds: Record<string, () => unknown> = {
      s: () => this.app.act("skip"),
      ArrowRight: () => this.app.act("skip"),
      l: () => this.app.like(),
      n: () => this.app.act("not_interested"),
      p: () => this.app.act("complete"),
      o: () => this.app.offline !== null && this.app.setOffline(!this.app.offline),
      b: () => this.drawer.open(),
    };
    const onButton = target instanceof HTMLElement && target.closest("button, a") !== null;
    if (!onButton) deeds[" "] = () => this.app.playback.toggle();
    const deed = deeds[event.key];
    if (!deed) return;
    event.preventDefault();
    void deed();
  }
}
