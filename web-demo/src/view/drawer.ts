/** "Break it": hands the engine damaged input and shows that the music goes on. */
import type { App } from "../app";
import { DAMAGES } from "../player/sabotage";
import { element } from "./element";
import { icon } from "./icons";
import { Status } from "./status";

/** The drawer. */
export class Drawer {
  readonly node: HTMLDialogElement;
  private readonly status: Status;

  constructor(app: App) {
    this.status = new Status(app);
    const close = (): void => this.node.close();
    this.node = element(
      "dialog",
      { class: "drawer", "aria-labelledby": "drawer-title", onclick: (event: Event) => event.target === this.node && close() },
      element(
        "div",
        { class: "drawer-inside" },
        element("div", { class: "drawer-head" }, element("h2", { id: "drawer-title" }, "Break it"), element("button", { type: "button", class: "button button-icon", "aria-label": "Close", onclick: close }, icon("close"))),
        element("p", { class: "note" }, "Each of these hands the engine bad bytes for real. It refuses them, keeps what it had, and the player goes on."),
        this.status.node,
        element("button", { type: "button", class: "button button-strong", id: "repair", onclick: () => void app.repair() }, "Restore the good ones"),
        element(
          "ul",
          { class: "damages" },
          ...DAMAGES.map((damage) =>
            element("li", {}, element("button", { type: "button", class: "damage", "data-damage": damage.id, onclick: () => void app.damage(damage) }, element("strong", {}, damage.title), element("span", {}, damage.detail))),
          ),
        ),
      ),
    );
  }

  /** Opens the drawer. */
  open(): void {
    if (!this.node.open) this.node.showModal();
  }

  /** Shows the state as it is now. */
  update(): void {
    this.status.update();
  }
}
