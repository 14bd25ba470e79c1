/** The last events of the session, newest first. */
import type { App } from "../app";
import { deedWords } from "../words";
import { element } from "./element";
import { eventIcon, icon } from "./icons";

const SHOWN = 8;

/** The session strip. */
export class Strip {
  readonly node: HTMLElement;
  private readonly list = element("ol", { class: "entries" });
  private shown = "";

  constructor(private readonly app: App) {
    this.node = element(
      "section",
      { class: "card strip", "aria-labelledby": "strip-title" },
      element(
        "div",
        { class: "strip-head" },
        element("h2", { id: "strip-title" }, "This session"),
        element("button", { type: "button", class: "button button-quiet", onclick: () => void app.startOver() }, icon("restart"), "Start over"),
      ),
      this.list,
    );
  }

  /** Shows the state as it is now. */
  update(): void {
    const entries = this.app.player?.session.entries ?? [];
    const newest = entries.slice(-SHOWN).reverse().map(({ kind, item }) => ({ kind, title: this.app.catalogue.item(item).title }));
    const face = JSON.stringify(newest);
    if (face === this.shown) return;
    this.shown = face;
    const lines = newest.map(({ kind, title }) =>
      element("li", { class: `entry entry-${kind}`, title: `${deedWords(kind)} ${title}` }, eventIcon(kind), element("span", {}, title)),
    );
    this.list.replaceChildren(...(lines.length > 0 ? lines : [element("li", { class: "entry-none" }, "Nothing has happened yet.")]));
  }
}
