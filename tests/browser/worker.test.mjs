// The edge worker before a real service: its page and the browser host of the npm package in a real browser, and a session
// that becomes somebody's who signs in.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { chromiumMissing, launchChromium } from "./support/chromium.mjs";
import { eventsTaken, list, openHost, record, serveHost, taken, until } from "./support/host.mjs";
import { startService } from "./support/service.mjs";
import { startWorker, workerMissing } from "./support/worker.mjs";

const { SEGUE_URL, SEGUE_BIN, ...environment } = process.env;
const skip = (SEGUE_BIN ? null : "no service of its own: set SEGUE_BIN") ?? chromiumMissing() ?? workerMissing() ?? false;
const AGREED = { "segue-consent": "granted" };
let data;
let service;
let worker;
let browser;

const segue = (...words) => promisify(execFile)(SEGUE_BIN, [...words, "--data", data]);

// A service of its own: what it takes is counted, and it is refreshed.
before(async () => {
  if (skip) return;
  data = await mkdtemp(join(tmpdir(), "segue-worker-"));
  await segue("generate", "--tracks", "400", "--users", "12", "--seed", "7");
  await segue("refresh");
  service = await startService({ ...environment, SEGUE_BIN, SEGUE_DATA: data });
  worker = await startWorker(service.url);
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await worker?.stop();
  await service?.stop();
  if (data) await rm(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

/** A page in a browser profile of its own. */
async function inPage(options, use) {
  const context = await browser.newContext(options);
  try {
    await use(await context.newPage(), context);
  } finally {
    await context.close();
  }
}

/** Titles on the worker's page, in order. */
const titles = (page) => page.$$eval("#list li button:first-of-type", (buttons) => buttons.map((button) => button.getAttribute("aria-label")));

/** Presses a button of the first place and waits for the list after it. */
async function press(page, label) {
  const answered = page.waitForResponse("**/api/v1/session/events");
  await page.locator("#list li").first().getByRole("button", { name: label }).click();
  return (await answered).json();
}

test("the page that the worker serves arranges itself around what is done, and remembers it where that is agreed to", { skip }, async () => {
  await inPage({}, async (page) => {
    const faults = [];
    page.on("pageerror", (fault) => faults.push(fault));
    await page.goto(worker.url);
    await page.waitForSelector("#list li");
    const [first] = await titles(page);
    const before = await eventsTaken(service.url);
    const alone = await press(page, "Not for me");
    assert.deepEqual([alone.accepted, alone.forwarded, typeof alone.token], [1, false, "string"], "nobody agreed to anything yet");
    await page.waitForFunction((first) => !document.querySelector(`#list [aria-label="${first}"]`), first);
    const answered = page.waitForResponse("**/api/v1/session/events");
    await page.check("#consent");
    assert.equal((await (await answered).json()).session, alone.session, "the session goes on");
    const agreed = await press(page, "Like");
    assert.deepEqual([agreed.accepted, agreed.forwarded, agreed.session], [1, true, alone.session]);
    assert.equal(await taken(service.url, before + 1), before + 1, "that reached the cloud, and nothing from before");
    const remembered = page.waitForResponse("**/api/v1/next?**");
    await page.reload();
    assert.equal((await (await remembered).json()).session, alone.session, "the cookie has the session");
    assert.deepEqual(faults, []);
  });
});

test("the browser host has the worker for a service: packs, models and events of somebody without an account", { skip }, async () => {
  await inPage({ extraHTTPHeaders: AGREED }, async (page, context) => {
    const { root } = await (await fetch(`${service.url}/api/v1/keys/root`)).json();
    await serveHost(context, worker.url);
    await openHost(page, worker.url, { root });
    assert.equal(await page.evaluate(() => globalThis.host.list.order), "ranked");
    const before = await eventsTaken(service.url);
    const disliked = await record(page, "dislike");
    assert.ok(!(await list(page)).includes(disliked));
    await until(page, { waiting: 0, sending: "idle" });
    assert.equal(await page.evaluate(() => globalThis.host.state.sent), 1);
    assert.equal(await taken(service.url, before + 1), before + 1);
    assert.deepEqual(await page.evaluate(() => globalThis.complaints), []);
  });
});

test("what was done without an account becomes that of who signs in", { skip, timeout: 300_000 }, async () => {
  const [user] = (await (await fetch(`${service.url}/api/v1/users?limit=1`)).json()).users;
  const recommended = async () => (await fetch(`${service.url}/api/v1/recommendations?user=${user}&surface=radio&count=100`)).json();
  const items = ({ items }) => items.map((place) => place.item);
  const post = (url, body) => fetch(url, { method: "POST", headers: { "content-type": "application/json", ...AGREED }, body: JSON.stringify(body) });
  /** The person's list of the generation after that of another list. */
  const refreshed = async ({ generation }) => {
    await segue("refresh");
    for (;;) {
      const list = await recommended();
      if (list.generation > generation) return list;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const first = await recommended();
  const disliked = items(first).slice(0, 2);
  const events = disliked.map((item, at) => ({ event_id: `visit-${at}`, kind: "dislike", item, time_ms: Date.now() }));
  const before = await eventsTaken(service.url);
  const visit = await (await post(`${worker.url}/api/v1/session/events`, { surface: "radio", events })).json();
  assert.deepEqual([visit.accepted, visit.forwarded], [2, true]);
  assert.equal(await taken(service.url, before + 2), before + 2);
  const stranger = await refreshed(first);
  assert.deepEqual(disliked.filter((item) => items(stranger).includes(item)), disliked, "until then it was nobody's");
  const signIn = { event_id: "sign-in", kind: "sign_in", user, session: visit.session, time_ms: Date.now() };
  assert.equal((await post(`${service.url}/api/v1/events`, { events: [signIn] })).status, 202);
  const own = await refreshed(stranger);
  assert.deepEqual(disliked.filter((item) => items(own).includes(item)), []);
});
