/** The list: each place with its reason, and how it moved since the last event. */
import type { Place, Slate } from "@segue/browser";
import type { App } from "../app";
import type { Movement, Story } from "../player/session";
import { countWords, deedWords, fallbackWords } from "../words";
import { cover } from "./cover";
import { element, setText } from "./element";
import { icon } from "./icons";
import { Pill } from "./pill";

const MOVE_MS = 520;
const EASE = "cubic-bezier(.22,.8,.24,1)";

/** Up next. */
export class UpNext {
  readonly node: HTMLElement;
  private readonly list = element("ol", { class: "list", id: "up-next" });
  private readonly story = element("p", { class: "story", "aria-live": "polite" });
  private readonly pill = new Pill();
  private readonly banner = element("p", { class: "banner", role: "alert", hidden: true });
  private readonly rows = new Map<string, { row: HTMLLIElement; face: string }>();
  private told = "";
  /** Whether a pointer is down in the list. */
  private pressed = false;

  constructor(private readonly app: App) {
    this.restWhilePressed();
    this.node = element(
      "section",
      { class: "card up-next", "aria-labelledby": "up-next-title" },
      element("div", { class: "up-next-head" }, element("h2", { id: "up-next-title" }, "Up next"), this.pill.node),
      this.banner,
      this.story,
      this.list,
    );
  }

  /** Shows the list, moving rows from where they were to where they are now. */
  update(): void {
    const session = this.app.player?.session;
    if (!session) return;
    const ranked = session.slate?.order !== "fallback";
    this.tell(session.story, ranked);
    if (session.slate) this.showState(session.slate);
    if (this.pressed) return;
    const before = new Map([...this.rows].map(([item, { row }]) => [item, row.getBoundingClientRect().top]));
    let changed = session.upNext.length !== this.list.children.length;
    const rows = session.upNext.map((place, index) => {
      const { row, fresh } = this.row(place, index, session.movements[place.item]);
      changed ||= fresh || this.list.children[index] !== row;
      return row;
    });
    if (!changed) return;
    // A row that still glides goes on from where it is seen.
    for (const glide of this.glides()) glide.cancel();
    this.list.replaceChildren(...rows);
    const shown = new Set(session.upNext.map((place) => place.item));
    for (const item of [...this.rows.keys()]) if (!shown.has(item)) this.rows.delete(item);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.animate(before);
  }

  /** A row that moves or changes between press and release loses the click, or hands it to another: the list waits. */
  private restWhilePressed(): void {
    this.list.addEventListener("pointerdown", () => {
      this.pressed = true;
      for (const glide of this.glides()) glide.pause();
    });
    // What the click does is shown at once; a press that was no click is over a moment after its release.
    this.list.addEventListener("click", () => this.goOn(), { capture: true });
    const over = (): void => {
      if (!this.pressed) return;
      this.goOn();
      this.update();
    };
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => setTimeout(over));
  }

  private goOn(): void {
    this.pressed = false;
    for (const glide of this.glides()) glide.play();
  }

  /** Rows on their way to a new place. */
  private glides(): Animation[] {
    return [...this.rows.values()].flatMap(({ row }) => row.getAnimations());
  }

  private showState(slate: Slate): void {
    this.pill.update(slate);
    this.banner.hidden = slate.order === "ranked";
    setText(this.banner, slate.order === "ranked" ? "" : fallbackWords(slate.fallback ?? "fallback"));
  }

  private animate(before: Map<string, number>): void {
    for (const [item, { row }] of this.rows) {
      const was = before.get(item);
      const distance = was === undefined ? 0 : was - row.getBoundingClientRect().top;
      if (was === undefined) {
        row.animate([{ opacity: 0, transform: "translateY(14px)" }, { opacity: 1, transform: "none" }], { duration: MOVE_MS, easing: EASE });
      } else if (Math.abs(distance) > 1) {
        row.animate([{ transform: `translateY(${distance}px)` }, { transform: "none" }], { duration: MOVE_MS, easing: EASE });
      }
      if (row.querySelector(".moved-up, .moved-new")) {
        row.animate([{ backgroundColor: "var(--tint)" }, { backgroundColor: "transparent" }], { duration: 2 * MOVE_MS, easing: "ease-in" });
      }
    }
  }

  /** The row of a place, kept as long as what it shows stays the same. */
  private row(place: Place, index: number, movement: Movement | undefined): { row: HTMLLIElement; fresh: boolean } {
    const item = this.app.catalogue.item(place.item);
    const { title } = item;
    const creator = item.creator_name ?? item.creator ?? "";
    const face = JSON.stringify([title, creator, place.text, place.pack_position, movement?.by, index]);
    const kept = this.rows.get(place.item);
    if (kept?.face === face) return { row: kept.row, fresh: false };
    const row = kept?.row ?? element("li", { class: "row", "data-item": place.item });
    row.dataset.reason = place.reason.code;
    row.replaceChildren(
      element("span", { class: "number" }, String(index + 1)),
      element("button", { type: "button", class: "thumb", "aria-label": `Play ${title} now`, onclick: () => void this.app.playNow(place) }, cover(item), icon("play")),
      element(
        "div",
        { class: "row-text" },
        element("div", { class: "row-title" }, element("strong", {}, title), element("span", {}, creator)),
        element("span", { class: "reason", title: `${place.reason.code} · place ${place.pack_position + 1} in the pack` }, place.text),
      ),
      badge(movement),
      element("button", { type: "button", class: "button button-icon dismiss", "aria-label": `Not for me: ${title}`, title: "Not for me", onclick: () => void this.app.dismiss(place) }, icon("close")),
    );
    this.rows.set(place.item, { row, face });
    return { row, fresh: true };
  }

  private tell(story: Story | null, ranked: boolean): void {
    const told = JSON.stringify([story, ranked]);
    if (told === this.told) return;
    this.told = told;
    if (!story) {
      this.story.replaceChildren(ranked ? "Skip or like something: the list answers at once, here in the page." : "What you do is kept: the list answers to it when it is ranked again.");
      return;
    }
    const name = (id: string): HTMLElement => element("strong", {}, this.app.catalogue.item(id).title);
    const parts: (string | HTMLElement)[] = ["You ", deedWords(story.kind), " ", name(story.item), story.changed > 0 ? `: ${countWords(story.changed, "place")} changed` : ": nothing had to move"];
    if (story.highlight) {
      const { item, by, packPosition, reason } = story.highlight;
      parts.push("; ", name(item), by === null ? ` came in from place ${packPosition + 1}` : ` rose ${by}`, ` (${lowered(reason)})`);
    }
    this.story.replaceChildren(...parts, ".");
  }
}

function badge(movement: Movement | undefined): HTMLElement {
  if (movement === undefined || movement.by === 0) return element("span", { class: "moved", "aria-label": "unmoved" });
  if (movement.by === null) return element("span", { class: "moved moved-new", "aria-label": "new in the list" }, "new");
  const up = movement.by > 0;
  const places = Math.abs(movement.by);
  return element(
    "span",
    { class: up ? "moved moved-up" : "moved moved-down", "aria-label": `${up ? "up" : "down"} ${countWords(places, "place")}` },
    icon(up ? "up" : "down"),
    String(places),
  );
}

const lowered = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
