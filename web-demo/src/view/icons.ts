/** Line icons, drawn here so that they work offline and take the text's colour. */
import { drawing } from "./element";

const PATHS = {
  segue: "M3 17c5 0 5-10 11-10h6M17 4l3 3-3 3M3 7c2.6 0 4 1.5 5 3.2M12.5 13.8c1.1 1.9 2.4 3.2 5 3.2H20",
  skip: "M6 5l9 7-9 7zM18.5 5v14",
  like: "M12 20s-7.5-4.7-7.5-10.2A4.3 4.3 0 0 1 12 7.2a4.3 4.3 0 0 1 7.5 2.6C19.5 15.3 12 20 12 20z",
  not_interested: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM6 6l12 12",
  complete: "M5 12.5l4.5 4.5L19 7",
  play: "M7 4.5l12 7.5-12 7.5z",
  pause: "M8 5v14M16 5v14",
  click: "M7 4.5l12 7.5-12 7.5z",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  network: "M4 9.5a12 12 0 0 1 16 0M7 13a7.5 7.5 0 0 1 10 0M10 16.5a3 3 0 0 1 4 0M12 19.5h.01",
  offline: "M4 4l16 16M4 9.5a12 12 0 0 1 4-2.5M12 6.5a12 12 0 0 1 8 3M7 13a7.5 7.5 0 0 1 4-2M10 16.5a3 3 0 0 1 4 0M12 19.5h.01",
  wrench: "M14.5 6.5a4 4 0 0 1 5-1l-2.5 2.5 1 2 2.3.6 2.2-2a4 4 0 0 1-5.5 4.4L9 21l-4-4 8-8a4 4 0 0 1 1.5-2.5z",
  outbox: "M4 14v5h16v-5M12 15V4M7.5 8.5L12 4l4.5 4.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  restart: "M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4",
  spark: "M12 3l1.9 5.6L19.5 10.5l-5.6 1.9L12 18l-1.9-5.6L4.5 10.5l5.6-1.9z",
} as const;

/** A name of an icon. */
export type IconName = keyof typeof PATHS;

/** The icon of that name; decoration only, so hidden from screen readers. */
export function icon(name: IconName): SVGElement {
  const filled = ["play", "pause", "skip", "click"].includes(name);
  return drawing(
    "svg",
    { viewBox: "0 0 24 24", class: filled ? "icon icon-filled" : "icon", "aria-hidden": "true", focusable: "false" },
    drawing("path", { d: PATHS[name] }),
  );
}

/** The icon of an event, where it has one. */
export const eventIcon = (kind: string): SVGElement => icon(kind in PATHS ? (kind as IconName) : kind === "unlike" ? "like" : "spark");
