// A bare page with the browser host of the installed npm package, beside a real service.
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../../web-demo/node_modules/@segue/browser/dist/", import.meta.url));
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };
const PAGE = "<!doctype html><meta charset=utf-8><title>host</title>";

/** Answers the page and the package's files under /host-test/ of the service's origin, with or without a network. */
export async function serveHost(context, url) {
  await context.route(`${url}/host-test/**`, async (route) => {
    const path = new URL(route.request().url()).pathname.slice("/host-test/".length);
    if (path === "") return route.fulfill({ contentType: "text/html", body: PAGE });
    return route.fulfill({ contentType: TYPES[extname(path)] ?? "text/plain", body: await readFile(PACKAGE + path) });
  });
}

/** Who listens, and the key that the service's signatures are checked with. */
export async function listener(url, place = 0) {
  const [{ users }, { root }] = await Promise.all(["users?limit=20", "keys/root"].map(async (path) => (await fetch(`${url}/api/v1/${path}`)).json()));
  return { user: users[place], root };
}

/** Loads the page and opens a host in it, as `host`; the codes of its failures gather in `failures`, their messages in `complaints`. */
export async function openHost(page, url, options) {
  await page.goto(`${url}/host-test/`);
  await page.evaluate(async (options) => {
    const { openSegue } = await import("/host-test/index.js");
    globalThis.failures = [];
    globalThis.complaints = [];
    globalThis.host = await openSegue({ surface: "radio", count: 12, gatherMs: 20, ...options });
    globalThis.host.on("error", ({ code, message }) => {
      globalThis.failures.push(code);
      globalThis.complaints.push(message);
    });
  }, options);
}

/** Records an event about the place of the list; answers its item. */
export const record = (page, kind, place = 0) =>
  page.evaluate(async ([kind, place]) => {
    const { item } = globalThis.host.list.places[place];
    await globalThis.host.record({ kind, item, played_ms: 3_000 });
    return item;
  }, [kind, place]);

/** The items of the list, in order. */
export const list = (page) => page.evaluate(() => globalThis.host.list.places.map((place) => place.item));

/** How the host is doing. */
export const state = (page) => page.evaluate(() => globalThis.host.state);

/** Waits until the host's state has these values. */
export const until = (page, wanted) =>
  page.waitForFunction((wanted) => Object.entries(wanted).every(([name, value]) => globalThis.host.state[name] === value), wanted);

/** Waits until the host has reported a failure of this code. */
export const failed = (page, code) => page.waitForFunction((code) => globalThis.failures.includes(code), code);

/** Events the service has taken, duplicates not counted. */
export async function eventsTaken(url) {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^segue_events_accepted_total (\d+)/m.exec(metrics)?.[1] ?? 0);
}

/** Waits until the service has taken so many events, and answers how many it has then. */
export async function taken(url, wanted) {
  for (let tries = 0; tries < 300; tries += 1) {
    const now = await eventsTaken(url);
    if (now >= wanted) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return eventsTaken(url);
}
