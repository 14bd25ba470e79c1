/** How long each re-rank took: one bar per event, and the median. */
import type { App } from "../app";
import { median } from "../player/session";
import { deedWords } from "../words";
import { drawing, element, setText } from "./element";

const WIDTH = 280;
const HEIGHT = 84;
const BARS = 40;
const BAR = WIDTH / BARS;

/** The chart. */
export class Chart {
  readonly node: HTMLElement;
  private readonly plot = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "plot", role: "img" });
  private readonly figure = element("strong", {});
  private readonly note = element("p", { class: "note" });
  private drawn: unknown;

  constructor(private readonly app: App) {
    this.node = element("section", { class: "card chart", "aria-labelledby": "chart-title" }, element("div", { class: "chart-head" }, element("h2", { id: "chart-title" }, "Re-rank time"), this.figure), this.plot, this.note);
  }

  /** Draws what was measured. */
  update(): void {
    const all = this.app.player?.session.reranks ?? [];
    if (all === this.drawn) return;
    this.drawn = all;
    const middle = median(all);
    const shown = all.slice(-BARS);
    setText(this.figure, middle === null ? "" : `${middle.toFixed(1)} ms`);
    setText(this.note, middle === null ? "One bar for each event, from gesture to new order." : `Median of ${all.length}; a frame at 60 Hz lasts 16.7 ms.`);
    const top = Math.max(4, ...shown.map((rerank) => rerank.milliseconds)) * 1.15;
    const y = (milliseconds: number): number => HEIGHT - (milliseconds / top) * HEIGHT;
    const bars = shown.map(({ kind, milliseconds }, index) =>
      drawing(
        "rect",
        { x: index * BAR + 1, y: y(milliseconds), width: BAR - 2, height: Math.max(HEIGHT - y(milliseconds), 1), rx: 1.5, class: `bar bar-${kind}` },
        drawing("title", {}, document.createTextNode(`${deedWords(kind)}: ${milliseconds.toFixed(2)} ms`)),
      ),
    );
    const line = middle === null ? [] : [drawing("line", { x1: 0, x2: WIDTH, y1: y(middle), y2: y(middle), class: "median" })];
    this.plot.setAttribute("aria-label", middle === null ? "Nothing measured yet" : `Median ${middle.toFixed(1)} milliseconds over ${all.length} events`);
    this.plot.replaceChildren(drawing("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5, class: "floor" }), ...bars, ...line);
  }
}
