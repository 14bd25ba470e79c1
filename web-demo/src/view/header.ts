/** The top of the page: who listens, where, and the network switch. */
import { EVERYONE } from "@segue/browser";
import type { App } from "../app";
import { keepSetting, setting } from "../data/settings";
import type { Player } from "../player/player";
import { countWords } from "../words";
import { assign, element, setText } from "./element";
import { icon } from "./icons";

const THEME = "theme";

/** The header. */
export class Header {
  readonly node: HTMLElement;
  private readonly user: HTMLSelectElement;
  private readonly surface: HTMLSelectElement;
  private readonly network: HTMLButtonElement;
  private readonly networkWord = element("span", { class: "switch-word" });
  private readonly outbox = element("span", { class: "outbox", role: "status" });
  private readonly outboxCount = element("b", {});
  private readonly outboxWord = element("span", {});

  constructor(
    private readonly app: App,
    openDrawer: () => void,
  ) {
    this.user = element("select", { id: "user", "aria-label": "Listener", onchange: () => this.choose(this.user.value) });
    this.user.append(...app.users.map((user) => element("option", { value: user }, user === EVERYONE ? "Guest" : user)));
    this.surface = element("select", { "aria-label": "Surface", onchange: () => this.choose(this.user.value, this.surface.value) });
    this.network = element(
      "button",
      { type: "button", class: "switch", role: "switch", id: "offline-switch", onclick: () => void app.setOffline(!app.offline) },
      element("span", { class: "switch-track" }, element("span", { class: "switch-thumb" })),
      this.networkWord,
    );
    this.outbox.append(icon("outbox"), this.outboxCount, this.outboxWord);
    applyTheme(setting<string>(THEME));
    this.node = element(
      "header",
      { class: "header" },
      element("div", { class: "brand" }, icon("segue"), element("h1", {}, "Segue")),
      element("div", { class: "pickers" }, this.user, this.surface),
      element("div", { class: "header-end" },
        this.outbox,
        this.network,
        element("button", { type: "button", class: "button button-icon theme", "aria-label": "Light or dark", title: "Light or dark", onclick: turnTheme }, icon("sun")),
        element("button", { type: "button", class: "button", id: "break-it", title: "Break it (B)", onclick: openDrawer }, icon("wrench"), element("span", { class: "wide" }, "Break it")),
      ),
    );
  }

  /** Shows the state as it is now. */
  update(): void {
    const { app } = this;
    assign(this.node, { "aria-busy": app.opening > 0 });
    if (app.player && app.opening === 0) this.showChoice(app.player);
    assign(this.network, {
      "aria-checked": app.offline === true,
      "aria-label": "Offline: fail every request",
      title: app.offline === null ? "Needs a service worker, which this browser has not started" : "Offline: fail every request (O)",
      disabled: app.offline === null,
    });
    setText(this.networkWord, app.offline ? "Offline" : navigator.onLine ? "Online" : "No network");
    const { waiting, sent } = app.player?.state ?? { waiting: 0, sent: 0 };
    setText(this.outboxCount, waiting > 0 ? String(waiting) : "");
    setText(this.outboxWord, waiting > 0 ? "waiting" : sent > 0 ? "all sent" : "nothing to send");
    assign(this.outbox, {
      "data-waiting": waiting,
      title: `Outbox: ${countWords(waiting, "event")} waiting, ${sent} sent since this page was loaded`,
    });
  }

  private showChoice(player: Player): void {
    this.user.value = player.user;
    const surfaces = Object.keys(player.manifest.policies).sort();
    const shown = [...this.surface.options].map((option) => option.value);
    if (surfaces.join() !== shown.join()) {
      this.surface.replaceChildren(...surfaces.map((name) => element("option", { value: name }, name)));
    }
    this.surface.value = player.surface;
    this.surface.hidden = surfaces.length < 2;
  }

  private choose(user: string, surface?: string): void {
    this.app.open(user, surface).catch((failure: unknown) => this.app.complain(failure));
  }
}

function turnTheme(): void {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = dark ? "light" : "dark";
  keepSetting(THEME, theme);
  applyTheme(theme);
}

function applyTheme(theme: string | undefined): void {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
