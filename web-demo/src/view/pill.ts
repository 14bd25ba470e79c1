/** One word for the state the list was made in. */
import type { Slate } from "@segue/browser";
import { element, setText } from "./element";

/** The pill: `ranked`, or the code of the fallback. */
export class Pill {
  readonly node = element("span", { class: "pill", role: "status" });

  /** Shows the state of a slate. */
  update(slate: Slate): void {
    const ranked = slate.order === "ranked";
    this.node.className = ranked && !slate.stale ? "pill pill-good" : "pill pill-warn";
    this.node.dataset["order"] = slate.order;
    this.node.dataset["fallback"] = slate.fallback ?? "";
    setText(this.node, ranked ? (slate.stale ? "ranked · stale pack" : "ranked") : (slate.fallback ?? "fallback"));
  }
}
