/** Short messages: what was refused or failed, its code, and what to do. */
import type { Notice } from "../player/player";
import { remedyWords } from "../words";
import { element } from "./element";
import { icon } from "./icons";

const SHOWN_MS = 9_000;
const MOST = 3;

/** The corner where messages appear. A popover inside whatever dialog is open, so that they stay above it and can be closed. */
export class Toasts {
  readonly node = element("div", { class: "toasts", popover: "manual" });

  /** Shows a message for a while. */
  show(notice: Notice): void {
    const remedy = remedyWords(notice.code);
    const toast = element(
      "div",
      { class: notice.bad ? "toast toast-bad" : "toast", role: notice.bad ? "alert" : "status" },
      element("div", { class: "toast-text" }, element("code", {}, notice.code), element("p", {}, notice.message), remedy && element("p", { class: "note" }, remedy)),
      element("button", { type: "button", class: "button button-icon", "aria-label": "Close", onclick: () => this.remove(toast) }, icon("close")),
    );
    this.node.append(toast);
    while (this.node.children.length > MOST) this.node.firstElementChild?.remove();
    this.raise();
    setTimeout(() => this.remove(toast), SHOWN_MS);
  }

  private remove(toast: HTMLElement): void {
    toast.remove();
    if (this.node.children.length === 0 && this.node.matches(":popover-open")) this.node.hidePopover();
  }

  /** Showing it anew puts it above whatever was opened last. */
  private raise(): void {
    const above = document.querySelector("dialog[open]") ?? document.body;
    if (this.node.parentElement !== above) above.append(this.node);
    else this.node.hidePopover();
    this.node.showPopover();
  }
}
