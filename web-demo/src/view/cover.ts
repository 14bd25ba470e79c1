/** Cover art made from the item itself: the genre gives the colour, the id the shapes. */
import type { Item } from "../data/api";
import { drawing } from "./element";

/** A number from text, the same everywhere. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}

/** The hue of an item: the one its picture names (`hue:210`), else that of its first genre, a little apart for each creator. */
export function hueOf(item: Item): number {
  const named = /^hue:(\d{1,3})$/.exec(item.picture ?? "")?.[1];
  if (named !== undefined) return Number(named) % 360;
  const genre = item.categories?.[0] ?? item.creator ?? item.item;
  return ((hashOf(genre) % 24) * 15 + (hashOf(item.creator ?? "") % 20) - 10 + 360) % 360;
}

let made = 0;

/** The cover of an item. */
export function cover(item: Item, label = false): SVGElement {
  const seed = hashOf(item.item);
  const hue = hueOf(item);
  const id = `cover-${(made += 1)}`;
  const name = label ? { role: "img", "aria-label": `Cover of ${item.title}` } : { "aria-hidden": "true" };
  return drawing(
    "svg",
    { viewBox: "0 0 100 100", preserveAspectRatio: "xMidYMid slice", class: "cover", ...name },
    drawing("defs", {}, gradient(id, hue, seed)),
    drawing("rect", { width: 100, height: 100, fill: `url(#${id})` }),
    ...shapes(seed, hue),
  );
}

function gradient(id: string, hue: number, seed: number): SVGElement {
  const angle = seed % 90;
  const second = (hue + 40 + (seed % 30)) % 360;
  return drawing(
    "linearGradient",
    { id, gradientTransform: `rotate(${angle} .5 .5)` },
    drawing("stop", { offset: "0", "stop-color": `oklch(0.74 0.12 ${hue})` }),
    drawing("stop", { offset: "1", "stop-color": `oklch(0.44 0.13 ${second})` }),
  );
}

function shapes(seed: number, hue: number): SVGElement[] {
  const light = `oklch(0.95 0.05 ${hue} / 0.28)`;
  const dark = `oklch(0.28 0.09 ${(hue + 60) % 360} / 0.34)`;
  const at = (shift: number, span: number): number => (seed >>> shift) % span;
  switch (seed % 4) {
    case 0:
      return [
        drawing("circle", { cx: 20 + at(3, 60), cy: 20 + at(7, 40), r: 22 + at(5, 14), fill: light }),
        drawing("circle", { cx: 10 + at(9, 80), cy: 70 + at(11, 30), r: 30 + at(13, 16), fill: dark }),
      ];
    case 1:
      return [0, 1, 2, 3].map((ring) =>
        drawing("circle", { cx: 15 + at(4, 70), cy: 100 - at(6, 40), r: 18 + ring * 17, fill: "none", stroke: ring % 2 ? dark : light, "stroke-width": 6 }),
      );
    case 2:
      return [0, 1, 2].map((wave) => {
        const y = 48 + wave * 17 + at(8, 8);
        const lift = 12 + at(10 + wave, 14);
        return drawing("path", { d: `M0 ${y}C25 ${y - lift} 40 ${y + lift} 62 ${y}S90 ${y - lift} 100 ${y}V100H0Z`, fill: wave === 1 ? light : dark });
      });
    default:
      return [
        drawing("path", { d: `M0 ${60 + at(5, 30)}L${30 + at(7, 40)} ${12 + at(9, 20)}L100 ${70 + at(4, 20)}V100H0Z`, fill: dark }),
        drawing("circle", { cx: 62 + at(6, 26), cy: 16 + at(8, 18), r: 9 + at(10, 6), fill: light }),
      ];
  }
}
