// The browser host of the npm package in a real browser against a real service.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { chromiumMissing, crash, forbidStorage, launchChromium, launchMortal } from "./support/chromium.mjs";
import { eventsTaken, failed, list, listener, openHost, record, serveHost, state, taken, until } from "./support/host.mjs";
import { serviceMissing, startService } from "./support/service.mjs";

const skip = serviceMissing() ?? chromiumMissing() ?? false;
const EVENTS = "**/api/v1/events";
const MODELS = "**/api/v1/models/**";
let service;
let browser;
let options;

before(async () => {
  if (skip) return;
  service = await startService();
  browser = await launchChromium();
  options = await listener(service.url);
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** A page in a browser profile of its own. */
async function inPage(use) {
  const context = await browser.newContext();
  try {
    await serveHost(context, service.url);
    await use(await context.newPage(), context);
  } finally {
    await context.close();
  }
}

/** A browser profile on disk, for browsers that are started more than once or in a way of their own. */
async function inProfile(use) {
  const profile = await mkdtemp(join(tmpdir(), "segue-profile-"));
  try {
    await use(profile);
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** The events that a page posts from now on, in their order; `batches` has them as they travelled. */
function posted(page) {
  const events = Object.assign([], { batches: [] });
  page.on("request", (request) => {
    if (request.method() !== "POST" || !request.url().endsWith("/api/v1/events")) return;
    const batch = request.postDataJSON().events;
    events.batches.push(batch);
    events.push(...batch);
  });
  return events;
}

/** Posts the ids again: those the service knows come back as duplicates. */
async function known(ids) {
  const events = ids.map((event_id) => ({ event_id, kind: "x_probe", time_ms: 1 }));
  const answer = await fetch(`${service.url}/api/v1/events`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ events }) });
  return (await answer.json()).duplicates;
}

test("what was acknowledged before the browser was killed arrives exactly once after its restart", { skip }, async () => {
  await inProfile(async (profile) => {
    const before = await eventsTaken(service.url);
    let mortal = await launchMortal(profile);
    await serveHost(mortal.context, service.url);
    let page = await mortal.context.newPage();
    // The service takes the events and its answer never arrives, as when the battery goes between the two.
    let swallowed = 0;
    await page.route(EVENTS, async (route) => {
      await route.fetch();
      swallowed += 1;
      await route.abort();
    });
    await openHost(page, service.url, options);
    for (let times = 0; times < 3; times += 1) await record(page, "skip");
    await until(page, { sending: "waiting" });
    await page.route(EVENTS, (route) => route.abort());
    for (let times = 0; times < 2; times += 1) await record(page, "like");
    const kept = await list(page);
    assert.ok(swallowed > 0);
    assert.equal((await state(page)).waiting, 5);
    await mortal.kill();

    mortal = await launchMortal(profile);
    await serveHost(mortal.context, service.url);
    page = await mortal.context.newPage();
    await openHost(page, service.url, options);
    assert.deepEqual(await list(page), kept, "the session goes on where it was");
    await until(page, { waiting: 0 });
    assert.equal(await eventsTaken(service.url), before + 5);
    await mortal.kill();
  });
});

test("a tab closed right after an event loses nothing", { skip }, async () => {
  await inPage(async (page, context) => {
    const before = await eventsTaken(service.url);
    await context.route(EVENTS, (route) => route.abort());
    await openHost(page, service.url, options);
    await record(page, "like");
    await page.close({ runBeforeUnload: false });
    await context.unroute(EVENTS);
    const next = await context.newPage();
    await openHost(next, service.url, options);
    await until(next, { waiting: 0 });
    assert.equal(await eventsTaken(service.url), before + 1);
  });
});

test("of two tabs one sends, both show a skip, and the other goes on when the first crashes", { skip }, async () => {
  await inPage(async (first, context) => {
    const second = await context.newPage();
    const posts = new Map([[first, 0], [second, 0]]);
    for (const page of [first, second]) {
      page.on("request", (request) => request.method() === "POST" && posts.set(page, posts.get(page) + 1));
    }
    await openHost(first, service.url, options);
    await openHost(second, service.url, options);
    assert.deepEqual(await list(second), await list(first), "both begin with the same list");

    const before = await list(second);
    const skipped = await record(first, "skip");
    await second.waitForFunction((item) => !globalThis.host.list.places.some((place) => place.item === item), skipped);
    assert.notDeepEqual(await list(second), before);
    assert.deepEqual(await list(second), await list(first), "the skip of the first is seen in the second");
    await record(second, "like");
    await first.waitForFunction((wanted) => globalThis.host.list.places.map((place) => place.item).join() === wanted, (await list(second)).join());
    await until(second, { waiting: 0 });
    assert.ok(posts.get(first) > 0);
    assert.equal(posts.get(second), 0, "only the first sends");

    await crash(first);
    await record(second, "skip");
    await until(second, { waiting: 0 });
    assert.ok(posts.get(second) > 0, "the second sends when the first is gone");
  });
});

test("without locks and channels every tab sends, and each event counts once", { skip }, async () => {
  await inPage(async (first, context) => {
    await context.addInitScript(() => {
      Object.defineProperty(navigator, "locks", { value: undefined });
      delete globalThis.BroadcastChannel;
    });
    const before = await eventsTaken(service.url);
    const second = await context.newPage();
    await context.route(EVENTS, (route) => route.abort());
    for (const page of [first, second]) await openHost(page, service.url, options);
    for (const page of [first, second]) await record(page, "like");
    await context.unroute(EVENTS);
    await Promise.all([first, second].map((page) => page.evaluate(() => globalThis.host.wake())));
    for (const page of [first, second]) await page.evaluate(() => globalThis.host.flush());
    assert.equal(await taken(service.url, before + 2), before + 2);
    assert.equal(await first.evaluate(() => globalThis.host.flush().then(() => globalThis.failures.length)), 0);
  });
});

test("a full outbox drops impressions, counts them, and keeps every like", { skip }, async () => {
  await inPage(async (page) => {
    const before = await eventsTaken(service.url);
    await page.route(EVENTS, (route) => route.abort());
    await openHost(page, service.url, options);
    const likes = await page.evaluate(async () => {
      const { item } = globalThis.host.list.places[0];
      // Some 7,000 bytes each, more than 4 MiB together.
      const context = Object.fromEntries(Array.from({ length: 26 }, (_, entry) => [`note${entry}`.padEnd(128, "-"), "x".repeat(128)]));
      const ids = [globalThis.host.apply({ kind: "like", item, context }).event_id];
      for (let count = 0; count < 650; count += 1) globalThis.host.apply({ kind: "impression", item, context });
      await globalThis.host.commit();
      globalThis.reads = 0;
      const { getAll } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAll = function (range, most) {
        if (most === undefined) globalThis.reads += 1;
        return getAll.call(this, range, most);
      };
      for (let count = 0; count < 5; count += 1) {
        ids.push(globalThis.host.apply({ kind: "like", item, context }).event_id);
        await globalThis.host.commit();
      }
      return ids;
    });
    assert.equal(await page.evaluate(() => globalThis.reads), 0, "the rows stay at hand while nobody else changes them");
    await page.waitForFunction(() => globalThis.host.state.lost.dropped > 0);
    const { waiting, lost } = await state(page);
    assert.equal(waiting + lost.dropped, 656);
    await page.unroute(EVENTS);
    await page.evaluate(() => globalThis.host.wake());
    await until(page, { waiting: 0 });
    assert.equal(await eventsTaken(service.url), before + waiting);
    assert.equal(await known(likes), likes.length, "every like has arrived");
  });
});

test("in a browser that lets sites keep nothing the host works in memory, says so, and still sends", { skip }, async () => {
  await inProfile(async (profile) => {
    const before = await eventsTaken(service.url);
    await forbidStorage(profile);
    const { context, kill } = await launchMortal(profile);
    await serveHost(context, service.url);
    const page = await context.newPage();
    await openHost(page, service.url, options);
    assert.equal(await page.evaluate(() => new Promise((resolve) => {
      const opening = indexedDB.open("probe");
      opening.onsuccess = () => resolve("opened");
      opening.onerror = () => resolve("refused");
    }).catch(({ name }) => name)), "refused", "the browser keeps nothing");
    await failed(page, "storage_unavailable");
    assert.equal((await state(page)).storage, "memory");
    const first = await list(page);
    await record(page, "skip");
    assert.notDeepEqual(await list(page), first);
    await until(page, { waiting: 0 });
    assert.equal(await eventsTaken(service.url), before + 1);
    await kill();
  });
});

/** The list as every session with the same events would have it: what is tried depends on the seed. */
const unseeded = (page) =>
  page.evaluate(() => globalThis.host.engine.rank({ surface: "radio", count: 12, now_ms: Date.now(), seed: 1, context: {} }).places.map((place) => place.item));

test("a private window keeps the session until it is closed, and nothing after that", { skip }, async () => {
  await inPage(async (page, context) => {
    await page.route(EVENTS, (route) => route.abort());
    await openHost(page, service.url, options);
    const first = await unseeded(page);
    await record(page, "skip");
    const kept = await list(page);
    await openHost(page, service.url, options);
    assert.deepEqual(await list(page), kept, "a reload goes on with the session");
    assert.deepEqual([(await state(page)).storage, (await state(page)).waiting], ["persistent", 1]);
    await context.close();
    await inPage(async (another) => {
      await openHost(another, service.url, options);
      assert.deepEqual(await unseeded(another), first, "the next window knows nothing of it");
      assert.equal((await state(another)).waiting, 0);
    });
  });
});

test("with no room left the host goes on in memory, says so, and keeps things again once there is room", { skip }, async () => {
  await inPage(async (page, context) => {
    const before = await eventsTaken(service.url);
    const developer = await context.newCDPSession(page);
    await developer.send("Storage.overrideQuotaForOrigin", { origin: service.url, quotaSize: 1 });
    await page.route(EVENTS, (route) => route.abort());
    await openHost(page, service.url, options);
    await record(page, "like");
    assert.equal((await state(page)).storage, "memory");
    await failed(page, "storage_full");
    await developer.send("Storage.overrideQuotaForOrigin", { origin: service.url });
    await record(page, "skip");
    assert.equal((await state(page)).storage, "persistent");
    const kept = await list(page);
    await openHost(page, service.url, options);
    assert.deepEqual([(await state(page)).waiting, await list(page)], [2, kept], "what lay in memory outlives the page now");
    await page.unroute(EVENTS);
    await page.evaluate(() => globalThis.host.wake());
    await until(page, { waiting: 0 });
    assert.equal(await eventsTaken(service.url), before + 2);
  });
});

test("what a second tab could not keep is sent by it, or moves before what is newer, and is never left behind", { skip }, async () => {
  await inPage(async (first, context) => {
    const second = await context.newPage();
    await openHost(first, service.url, options);
    await until(first, { sending: "idle" });
    await openHost(second, service.url, { ...options, gatherMs: 1_000 });
    await second.evaluate(() => {
      const { put } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.put = function (...told) {
        if (globalThis.isFull) throw new DOMException("full", "QuotaExceededError");
        return put.apply(this, told);
      };
    });
    const full = (isFull) => second.evaluate((isFull) => (globalThis.isFull = isFull), isFull);
    const sent = posted(first);
    await full(true);
    await record(second, "like");
    assert.equal((await state(second)).storage, "memory");
    await full(false);
    await record(second, "skip");
    assert.equal((await state(second)).storage, "persistent");
    await until(first, { waiting: 0, sent: 2 });
    assert.deepEqual(sent.map(({ kind }) => kind), ["like", "skip"], "the first sends both in their order");
    // Longer than the second tab gathers.
    await second.waitForTimeout(1_200);
    const alone = posted(second);
    await full(true);
    await record(second, "like");
    await until(second, { waiting: 0, sent: 3 });
    assert.deepEqual(alone.map(({ kind }) => kind), ["like"], "nobody else can send what lies in its memory");
  });
});

test("a database that the browser closed is opened again", { skip }, async () => {
  await inPage(async (page, context) => {
    await page.route(EVENTS, (route) => route.abort());
    await openHost(page, service.url, options);
    await record(page, "like");
    const developer = await context.newCDPSession(page);
    await developer.send("Storage.clearDataForOrigin", { origin: service.url, storageTypes: "indexeddb" });
    const skipped = await record(page, "skip");
    assert.equal((await state(page)).storage, "persistent");
    await openHost(page, service.url, options);
    assert.equal((await state(page)).waiting, 1);
    assert.ok(!(await list(page)).includes(skipped));
  });
});

test("a database that the browser closes during a write is written again", { skip }, async () => {
  await inPage(async (page, context) => {
    await page.route(EVENTS, (route) => route.abort());
    await openHost(page, service.url, options);
    const developer = await context.newCDPSession(page);
    const clear = () => developer.send("Storage.clearDataForOrigin", { origin: service.url, storageTypes: "indexeddb" });
    for (let round = 0; round < 25; round += 1) {
      await Promise.all([record(page, "impression"), clear(), record(page, "impression")]);
      assert.equal((await state(page)).storage, "persistent", `round ${round}: ${await page.evaluate(() => globalThis.complaints)}`);
    }
  });
});

test("of two people in one browser each has an outbox, and forgetting one leaves the other's", { skip }, async () => {
  const other = await listener(service.url, 1);
  await inPage(async (page, context) => {
    const as = (person) => openHost(page, service.url, person);
    await context.route(EVENTS, (route) => route.abort());
    await as({ ...options, user: "" });
    await record(page, "like");
    await as(options);
    await record(page, "like");
    const disliked = await record(page, "dislike");
    await as(other);
    const sent = posted(page);
    assert.equal((await state(page)).waiting, 0, "what waits of another person is not this one's");
    await context.unroute(EVENTS);
    await record(page, "skip");
    await until(page, { waiting: 0, sent: 1 });
    const people = () => [...new Set(sent.map(({ user }) => user ?? ""))].toSorted();
    for (let tries = 0; tries < 200 && people().length < 2; tries += 1) await page.waitForTimeout(50);
    assert.deepEqual(people(), ["", other.user], "guests' events go with anybody, another person's with nobody else");
    for (const batch of sent.batches) assert.equal(new Set(batch.map(({ user }) => user ?? "")).size, 1, "no batch is of two people");

    await context.route(EVENTS, (route) => route.abort());
    await as(options);
    assert.equal((await state(page)).waiting, 2);
    assert.ok(!(await list(page)).includes(disliked));
    await as(other);
    await record(page, "like");
    await page.evaluate((user) => globalThis.host.forget(user), options.user);
    assert.equal((await state(page)).waiting, 1);
    await as(options);
    assert.equal((await state(page)).waiting, 0);
    assert.ok((await page.evaluate(() => globalThis.host.rank(500).places.map((place) => place.item))).includes(disliked));
    await record(page, "like");
    await page.evaluate(() => globalThis.host.forget());
    assert.equal((await state(page)).waiting, 0);
  });
});

test("new credentials told to one tab end the wait of the tab that sends, and are tried by themselves", { skip }, async () => {
  await inPage(async (first, context) => {
    const second = await context.newPage();
    await context.route(EVENTS, (route) => (route.request().headers().authorization === "stale" ? route.fulfill({ status: 401, body: "" }) : route.continue()));
    for (const page of [first, second]) await openWith(page, "stale");
    await record(second, "like");
    await until(first, { sending: "credentials", waiting: 1 });
    await first.evaluate(() => (globalThis.authorization = "fresh"));
    await second.evaluate(() => globalThis.host.renewCredentials());
    await until(second, { waiting: 0 });

    await first.evaluate(() => (globalThis.authorization = "stale"));
    await record(first, "like");
    await until(first, { sending: "credentials", waiting: 1 });
    await first.evaluate(() => (globalThis.authorization = "fresh"));
    await record(first, "like");
    await until(first, { sending: "idle", waiting: 0 });
  });
});

/** Opens a host whose credentials are `authorization` of the page. */
async function openWith(page, authorization) {
  await page.goto(`${service.url}/host-test/`);
  await page.evaluate(async ([options, authorization]) => {
    const { openSegue } = await import("/host-test/index.js");
    globalThis.authorization = authorization;
    globalThis.host = await openSegue({ surface: "radio", gatherMs: 20, ...options, headers: () => ({ authorization: globalThis.authorization }) });
  }, [options, authorization]);
}

test("what is shown is logged with its own slate and place, and moves nothing", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, options);
    const sent = posted(page);
    const { slate, items, lists } = await page.evaluate(async () => {
      const slate = globalThis.host.list;
      let lists = 0;
      globalThis.host.on("list", () => (lists += 1));
      const items = slate.places.map((place) => place.item);
      await globalThis.host.shown(slate, items.slice(0, 10));
      const seen = lists;
      await globalThis.host.record({ kind: "skip", item: items[0] });
      await globalThis.host.record({ kind: "click", item: items[4] });
      await globalThis.host.record({ kind: "click", item: items[11] });
      return { slate: slate.slate, items, lists: seen };
    });
    assert.equal(lists, 0);
    await until(page, { waiting: 0, sent: 13 });
    const impressions = items.slice(0, 10).map((item, position) => ({ kind: "impression", item, slate, position }));
    const told = sent.map(({ kind, item, slate, position }) => ({ kind, item, slate, position }));
    assert.deepEqual(told, [
      ...impressions,
      { kind: "skip", item: items[0], slate, position: 0 },
      { kind: "click", item: items[4], slate, position: 4 },
      { kind: "click", item: items[11], slate: undefined, position: undefined },
    ]);
  });
});

test("an app that tells what it shows whenever the list is made keeps each event before what followed from it", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, options);
    const sent = posted(page);
    const told = await page.evaluate(async () => {
      globalThis.host.on("list", (slate) => void globalThis.host.shown(slate));
      await globalThis.host.record({ kind: "skip", item: globalThis.host.list.places[0].item }, { note: "kept with it" });
      return globalThis.host.kept("note");
    });
    assert.equal(told, "kept with it");
    await until(page, { waiting: 0, sent: 13 });
    assert.deepEqual(sent.map(({ kind }) => kind), ["skip", ...Array.from({ length: 12 }, () => "impression")]);
  });
});

test("a list has to be there by its deadline, whatever of it is ranked then", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, { ...options, deadlineMs: 0 });
    const { complete, places } = await page.evaluate(() => globalThis.host.list);
    assert.deepEqual([complete, places.length], [false, 12]);
    assert.ok(places.every((place) => place.reason.code === "fallback_deadline"));
    await record(page, "skip");
    assert.equal((await list(page)).length, 12);
  });
});

test("what the model saw of each list is handed out where it is asked for", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, { ...options, logFeatures: true });
    const [line, slate] = await page.evaluate(() => {
      let line = null;
      globalThis.host.on("slate", (told) => (line = told));
      const slate = globalThis.host.rank();
      globalThis.host.rank(1);
      return [line, slate];
    });
    assert.deepEqual([line.user, line.slate], [options.user, slate.slate]);
    assert.deepEqual(line.features.places.map((place) => place.item), slate.places.map((place) => place.item));
    await openHost(page, service.url, options);
    assert.equal(await page.evaluate(() => globalThis.host.rank().features), undefined);
  });
});

test("tabs that cannot hear each other never undo each other's session", { skip }, async () => {
  await inPage(async (first, context) => {
    await context.addInitScript(() => delete globalThis.BroadcastChannel);
    const second = await context.newPage();
    for (const page of [first, second]) await openHost(page, service.url, options);
    const disliked = await record(first, "dislike", 3);
    const skipped = await record(second, "skip");
    const items = await second.evaluate(() => globalThis.host.rank(500).places.map((place) => place.item));
    assert.ok(!items.includes(disliked), "the second catches up when it keeps its own");
    assert.ok(!(await list(second)).includes(disliked));
    await openHost(first, service.url, options);
    for (const item of [disliked, skipped]) assert.ok(!(await list(first)).includes(item));
  });
});

test("after half an hour without an event another session begins, and what was refused stays away", { skip }, async () => {
  await inPage(async (first, context) => {
    const second = await context.newPage();
    for (const page of [first, second]) await openHost(page, service.url, options);
    const ids = () => Promise.all([first, second].map((page) => page.evaluate(() => globalThis.host.sessionId)));
    const disliked = await record(first, "dislike");
    await record(first, "like");
    const [before] = await ids();
    for (const page of [first, second]) {
      await page.evaluate(() => {
        const { now } = Date;
        Date.now = () => now() + 31 * 60_000;
      });
    }
    await record(first, "skip");
    await second.waitForFunction((before) => globalThis.host.sessionId !== before, before);
    const [one, other] = await ids();
    assert.ok(one === other && one !== before);
    assert.deepEqual(await list(second), await list(first));
    const reasons = await first.evaluate(() => globalThis.host.list.places.map((place) => place.reason.code));
    assert.ok(!reasons.includes("because_you_liked"), "the liking of the session before is no ground for this one's list");
    assert.ok(!(await list(first)).includes(disliked));
  });
});

test("a clock that was set back within the hour does not make what happens now look old", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, options);
    await page.evaluate(() => {
      globalThis.now = Date.now;
      Date.now = () => globalThis.now() + 40 * 60_000;
    });
    const item = await record(page, "like", 2);
    await page.evaluate(() => (Date.now = globalThis.now));
    await page.evaluate((item) => globalThis.host.record({ kind: "dislike", item }), item);
    assert.ok(!(await list(page)).includes(item), "the dislike came after the like");
  });
});

test("events of a device that is days ahead are taken, at the service's time", { skip }, async () => {
  await inPage(async (page) => {
    const before = await eventsTaken(service.url);
    await page.addInitScript(() => {
      const now = Date.now;
      Date.now = () => now() + 3 * 24 * 60 * 60_000;
    });
    await openHost(page, service.url, options);
    await record(page, "like");
    assert.equal(await taken(service.url, before + 1), before + 1);
    assert.equal((await state(page)).lost.refused, 0);
  });
});

test("a page starts without a network from the last good pack, and sends when the network is back", { skip }, async () => {
  await inPage(async (page, context) => {
    await openHost(page, service.url, options);
    await record(page, "skip");
    await until(page, { waiting: 0 });
    const before = await eventsTaken(service.url);
    await context.setOffline(true);
    await openHost(page, service.url, options);
    const first = await list(page);
    await record(page, "like");
    assert.notDeepEqual(await list(page), first, "the list answers without a network");
    await until(page, { sending: "waiting", waiting: 1 });
    await context.setOffline(false);
    await until(page, { waiting: 0 });
    assert.equal(await eventsTaken(service.url), before + 1);
  });
});

test("events that still gather are sent when the page goes", { skip }, async () => {
  await inPage(async (page) => {
    const before = await eventsTaken(service.url);
    await openHost(page, service.url, { ...options, gatherMs: 3_600_000 });
    // What begins to lead sends at once what it finds; that is over.
    await until(page, { sending: "idle" });
    await record(page, "like");
    await record(page, "skip");
    assert.equal((await state(page)).waiting, 2);
    await page.goto("about:blank");
    assert.equal(await taken(service.url, before + 2), before + 2);
  });
});

test("a service that is away for a while is asked again until it takes the events", { skip }, async () => {
  await inPage(async (page) => {
    const before = await eventsTaken(service.url);
    let refusals = 0;
    await page.route(EVENTS, (route) => {
      if (refusals === 2) return route.continue();
      refusals += 1;
      return route.fulfill({ status: 503, headers: { "retry-after": "1" }, contentType: "application/problem+json", body: '{"code":"events_busy"}' });
    });
    await openHost(page, service.url, options);
    await record(page, "like");
    await until(page, { sending: "waiting", waiting: 1 });
    await until(page, { sending: "idle", waiting: 0 });
    assert.equal(refusals, 2);
    assert.equal(await eventsTaken(service.url), before + 1);
  });
});

test("a login page in the service's place costs no event", { skip }, async () => {
  await inPage(async (page) => {
    await page.route(EVENTS, (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<h1>Welcome to the hotel</h1>" }));
    await openHost(page, service.url, options);
    await record(page, "like");
    await until(page, { sending: "waiting", waiting: 1 });
    await page.unroute(EVENTS);
    await page.evaluate(() => globalThis.host.wake());
    await until(page, { waiting: 0, sent: 1 });
  });
});

test("events wait for credentials and are sent with new ones", { skip }, async () => {
  await inPage(async (page) => {
    await page.route(EVENTS, (route) => route.fulfill({ status: 401, body: "" }));
    await openHost(page, service.url, options);
    await record(page, "like");
    await failed(page, "credentials_needed");
    await until(page, { sending: "credentials", waiting: 1 });
    await page.unroute(EVENTS);
    await page.evaluate(() => globalThis.host.renewCredentials());
    await until(page, { waiting: 0, sent: 1 });
  });
});

test("an event the service will never take is counted and named, and the others go", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, { ...options, gatherMs: 300 });
    const id = await page.evaluate(async () => {
      const { item } = globalThis.host.list.places[0];
      const event = globalThis.host.apply({ kind: "like", item });
      // Two days ahead of the service's clock.
      globalThis.host.apply({ kind: "x_note", time_ms: Date.now() + 2 * 86_400_000 });
      await globalThis.host.commit();
      return event.event_id;
    });
    await failed(page, "events_refused");
    await until(page, { waiting: 0, sent: 1 });
    assert.deepEqual((await state(page)).lost, { dropped: 0, refused: 1 });
    assert.equal(await known([id]), 1);
  });
});

test("a pack that runs thin is asked for before it ends, and not again with every list", { skip }, async () => {
  await inPage(async (page) => {
    const isManifest = (request) => request.url().endsWith("/api/v1/manifest");
    const asked = [];
    page.on("request", (request) => isManifest(request) && asked.push(request));
    const travelled = requested(page);
    await openHost(page, service.url, options);
    await page.evaluate(() => globalThis.host.rank());
    const before = asked.length;
    await page.evaluate(() => {
      const [now, ahead] = [Date.now, globalThis.host.pack.expires_ms - 60_000 - Date.now()];
      Date.now = () => now() + ahead;
      globalThis.host.rank();
    });
    assert.equal(asked.length, before, "a clock that is set is no minute that has passed");
    const answered = page.waitForResponse(isManifest);
    await page.evaluate(() => {
      performance.now = () => 3_600_000;
      globalThis.host.rank();
    });
    await answered;
    await page.evaluate(() => {
      for (let lists = 0; lists < 5; lists += 1) globalThis.host.rank();
      return fetch("/api/v1/rotations").then((answer) => answer.text());
    });
    assert.equal(asked.length, before + 1);
    assert.ok(!travelled.includes("POST packs"), "one that is only old is fetched");
  });
});

/** What a page asks for from now on of events and packs: `POST packs` and the like. */
function requested(page) {
  const requests = [];
  page.on("request", (request) => {
    const [, name] = /\/api\/v1\/(events|packs)\b/.exec(request.url()) ?? [];
    if (name) requests.push(`${request.method()} ${name}`);
  });
  return requests;
}

/** Waits until the service makes packs, which it gets ready for after its start and after each refresh. */
async function makesPacks() {
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await fetch(`${service.url}/api/v1/trending?count=1`)).ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the service does not come to making packs");
}

/** Refuses so much of the pack that few candidates are left, and makes the list a minute after the host looked for a newer pack. */
const leaveBehind = (page) =>
  page.evaluate(async () => {
    const { host } = globalThis;
    // Locks are given in turn: whoever is the first to send leads by then.
    await navigator.locks.request("after the sender", () => undefined);
    const isThin = () => host.engine.refill(Date.now())?.reasons.includes("few_candidates") ?? false;
    for (let passes = 0; passes < 60 && !isThin(); passes += 1) {
      for (const { item } of host.rank(50).places) host.apply({ kind: "dislike", item });
    }
    const saved = host.commit();
    performance.now = () => 3_600_000;
    host.rank();
    await saved;
    return isThin();
  });

/** Makes the list at another time of the page's clock. */
const rankAt = (page, time) =>
  page.evaluate((time) => {
    performance.now = () => time;
    globalThis.host.rank();
  }, time);

/** Lets the service refuse to make packs, or the network fail where there is no status. */
const refuseMaking = (page, status) =>
  page.route("**/api/v1/packs/**", (route) => {
    if (route.request().method() !== "POST") return route.continue();
    return status() === 0 ? route.abort() : route.fulfill({ status: status(), json: { code: "refused", detail: "No pack is made." } });
  });

/** The next answer about a pack to a request by this method. */
const packAnswered = (page, method) =>
  page.waitForResponse((answer) => answer.request().method() === method && answer.url().includes("/api/v1/packs/"));

test("a pack that the session left behind is made anew, once the service heard what was done until then", { skip }, async () => {
  const person = await listener(service.url, 7);
  await makesPacks();
  await inPage(async (page) => {
    // Nothing is sent by itself.
    await openHost(page, service.url, { ...person, gatherMs: 600_000 });
    const before = await page.evaluate(() => [globalThis.host.bundle.pack.etag, globalThis.host.list.slate]);
    const requests = requested(page);
    const made = packAnswered(page, "POST");
    assert.ok(await leaveBehind(page));
    const answer = await made;
    assert.equal(answer.status(), 200);
    await page.waitForFunction(([etag, slate]) => globalThis.host.bundle.pack.etag !== etag && globalThis.host.list.slate !== slate, before);
    await until(page, { waiting: 0 });
    assert.deepEqual([...new Set(requests)], ["POST events", "POST packs"], "nothing is fetched");
    assert.equal(requests.indexOf("POST packs"), requests.length - 1, "asked for once, when everything was sent");
    const { etag, reasons } = await page.evaluate(() => ({
      etag: globalThis.host.bundle.pack.etag,
      reasons: globalThis.host.engine.refill(Date.now())?.reasons ?? [],
    }));
    assert.equal(etag.replace(/^W\//, ""), answer.headers().etag.replace(/^W\//, ""));
    assert.ok(!reasons.includes("few_candidates"), "what was refused is not in it, so that much is left");
    const whole = Buffer.from(await (await fetch(`${service.url}/api/v1/packs/${encodeURIComponent(person.user)}`)).arrayBuffer());
    const kept = Buffer.from(await page.evaluate(() => [...globalThis.host.bundle.pack.bytes]));
    assert.ok(kept.equals(whole), "it is what the service hands out from then on");
    assert.deepEqual(await page.evaluate(() => globalThis.failures), []);
  });
});

test("where no pack is made anew the one that there is will do, and nobody hears of it", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, await listener(service.url, 8));
    let refusal;
    await refuseMaking(page, () => refusal);
    const requests = requested(page);
    for (const [times, status] of [404, 405, 429, 503, 0].entries()) {
      refusal = status;
      requests.length = 0;
      const fetched = packAnswered(page, "GET");
      if (times === 0) assert.ok(await leaveBehind(page));
      else await rankAt(page, (times + 1) * 3_600_000);
      await fetched;
      assert.deepEqual(requests.filter((request) => request.endsWith("packs")), ["POST packs", "GET packs"], `after ${status}`);
      // Waits until that has come to its end.
      await page.evaluate(() => globalThis.host.refresh());
    }
    assert.deepEqual(await page.evaluate(() => globalThis.failures), []);
  });
});

test("for ten minutes after a pack was to be made what there is is fetched", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, await listener(service.url, 8));
    await refuseMaking(page, () => 404);
    const requests = requested(page);
    const first = packAnswered(page, "GET");
    assert.ok(await leaveBehind(page));
    await first;
    await page.evaluate(() => globalThis.host.refresh());
    for (const [minutes, wanted] of [[9, ["GET packs"]], [10, ["POST packs", "GET packs"]]]) {
      requests.length = 0;
      const fetched = packAnswered(page, "GET");
      await rankAt(page, 3_600_000 + minutes * 60_000);
      await fetched;
      assert.deepEqual(requests.filter((request) => request.endsWith("packs")), wanted, `after ${minutes} minutes`);
      // Waits until that has come to its end.
      await page.evaluate(() => globalThis.host.refresh());
    }
  });
});

test("a pack is to be made even where a newer one is being looked for", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, await listener(service.url, 8));
    await refuseMaking(page, () => 404);
    let answer;
    const held = new Promise((resolve) => (answer = resolve));
    await page.route("**/api/v1/manifest", (route) => held.then(() => route.continue()));
    const asked = page.waitForRequest("**/api/v1/manifest");
    await page.evaluate(() => void globalThis.host.refresh());
    await asked;
    const made = packAnswered(page, "POST");
    assert.ok(await leaveBehind(page));
    await until(page, { waiting: 0 });
    answer();
    await made;
  });
});

test("of a person's tabs the one that sends has a pack made, once the service heard of all of them", { skip }, async () => {
  const person = { ...(await listener(service.url, 9)), gatherMs: 600_000 };
  await makesPacks();
  await inPage(async (first, context) => {
    const second = await context.newPage();
    await openHost(first, service.url, person);
    await openHost(second, service.url, person);
    // It opened from what the first kept; waits until the service was asked for newer.
    await second.evaluate(() => globalThis.host.refresh());
    await first.evaluate(() => void (performance.now = () => 3_600_000));
    const etag = (page) => page.evaluate(() => globalThis.host.bundle.pack.etag);
    const [before, ofFirst, ofSecond] = [await etag(first), requested(first), requested(second)];
    const isOther = (etag) => globalThis.host.bundle.pack.etag !== etag;
    await leaveBehind(second);
    await Promise.all([first, second].map((page) => page.waitForFunction(isOther, before)));
    assert.deepEqual([...new Set(ofFirst)], ["POST events", "POST packs"]);
    assert.equal(ofFirst.indexOf("POST packs"), ofFirst.length - 1, "asked for once, when everything was sent");
    assert.deepEqual(ofSecond, [], "the other takes what the first was given");
    assert.equal(await etag(second), await etag(first));
  });
});

test("everyone's pack is fetched, never made anew, for a guest who leaves it behind", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, { root: options.root });
    const requests = requested(page);
    const fetched = packAnswered(page, "GET");
    assert.ok(await leaveBehind(page));
    await fetched;
    assert.ok(!requests.includes("POST packs"));
  });
});

test("a second start asks only for what has changed", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, options);
    const answers = new Map();
    page.on("response", (response) => {
      const path = new URL(response.url()).pathname;
      if (path.startsWith("/api/v1/")) answers.set(path.replace(/packs\/.*/, "packs"), response.status());
    });
    await openHost(page, service.url, options);
    await page.evaluate(() => globalThis.host.refresh());
    assert.deepEqual(Object.fromEntries(answers), { "/api/v1/manifest": 304, "/api/v1/packs": 304, "/api/v1/rotations": 304 });
  });
});

test("what arrives damaged in a model's place is asked for again until it is whole", { skip }, async () => {
  await inPage(async (page) => {
    await page.route(MODELS, (route) => route.fulfill({ contentType: "text/html", body: "<h1>Welcome to the hotel</h1>" }));
    await openHost(page, service.url, options);
    assert.equal(await page.evaluate(() => globalThis.host.list.order), "fallback");
    await page.unroute(MODELS);
    await page.evaluate(() => globalThis.host.refresh());
    assert.equal(await page.evaluate(() => globalThis.host.list.order), "ranked");
  });
});

test("a first start shows a list even where no model can be had, and ranks once they are there", { skip }, async () => {
  await inPage(async (page) => {
    await page.route(MODELS, (route) => route.fulfill({ status: 404, body: "" }));
    await openHost(page, service.url, options);
    assert.deepEqual(await page.evaluate(() => [globalThis.host.list.order, globalThis.host.list.places.length]), ["fallback", 12]);
    await failed(page, "hash_mismatch");
    await page.unroute(MODELS);
    await openHost(page, service.url, options);
    await page.waitForFunction(() => globalThis.host.list.order === "ranked");
  });
});

test("an unknown surface is refused, at the first start and from a kept pack", { skip }, async () => {
  await inPage(async (page) => {
    await page.goto(`${service.url}/host-test/`);
    const opened = (surface) =>
      page.evaluate(async (options) => {
        const { openSegue } = await import("/host-test/index.js");
        return openSegue(options).then((host) => host.close().then(() => "opened"), ({ code }) => code);
      }, { ...options, surface });
    for (let starts = 0; starts < 2; starts += 1) assert.equal(await opened("raido"), "surface_unknown");
    assert.equal(await opened("radio"), "opened");
  });
});

test("record rejects what is malformed instead of throwing, and takes durations in fractions", { skip }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, options);
    assert.equal(await page.evaluate(() => {
      const rejected = globalThis.host.record({ kind: "rating", item: globalThis.host.list.places[0].item });
      return rejected.then(() => "kept", ({ code }) => code);
    }), "event_invalid");
    await page.evaluate(() => globalThis.host.record({ kind: "skip", item: globalThis.host.list.places[0].item, played_ms: 3_012.4, total_ms: 180_000.5 }));
    await until(page, { waiting: 0, sent: 1 });
  });
});

const refreshMissing = skip || (process.env.SEGUE_BIN && process.env.SEGUE_DATA ? false : "no SEGUE_BIN and SEGUE_DATA to publish a newer generation with");

/** The generation that the page works with after asking for a newer one. */
const generation = (page) => page.evaluate(() => globalThis.host.refresh().then(() => globalThis.host.manifest.generation));

/** Publishes a generation, after another run's refresh of the same catalogue, which is shared, has ended. */
async function refreshed() {
  const refresh = () => promisify(execFile)(process.env.SEGUE_BIN, ["refresh", "--data", process.env.SEGUE_DATA]);
  for (let tries = 0; tries < 120; tries += 1) {
    const error = await refresh().catch((error) => error);
    if (!(error instanceof Error)) return;
    if (!/another refresh/.test(error.stderr)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("another refresh of the catalogue does not end");
}

/** Publishes a generation and waits until the page works with it; the service takes a moment to notice. */
async function publish(page, before) {
  await refreshed();
  for (let tries = 0; tries < 200 && (await generation(page)) === before; tries += 1) await page.waitForTimeout(50);
  assert.ok((await generation(page)) > before);
}

test("a newer generation is taken over while the page is open, and an older one refused after a reload", { skip: refreshMissing }, async () => {
  await inPage(async (page, context) => {
    const older = Buffer.from(await (await fetch(`${service.url}/api/v1/manifest`)).arrayBuffer());
    await openHost(page, service.url, options);
    const before = await generation(page);
    await publish(page, before);
    const skipped = await record(page, "skip");

    await context.route("**/api/v1/manifest", (route) => route.fulfill({ contentType: "application/cose", body: older }));
    await openHost(page, service.url, options);
    await failed(page, "generation_older");
    assert.ok((await generation(page)) > before);
    assert.ok(!(await list(page)).includes(skipped), "the session outlives the change of generation");
  });
});

test("an older generation is refused to a second person of the same browser too", { skip: refreshMissing }, async () => {
  await inPage(async (page, context) => {
    const older = Buffer.from(await (await fetch(`${service.url}/api/v1/manifest`)).arrayBuffer());
    await openHost(page, service.url, options);
    await publish(page, await generation(page));
    await context.route("**/api/v1/manifest", (route) => route.fulfill({ contentType: "application/cose", body: older }));
    const another = await listener(service.url, 1);
    await assert.rejects(openHost(page, service.url, another), /generation_older/);
  });
});

test("a person without a pack of their own follows everyone's from one generation to the next", { skip: refreshMissing }, async () => {
  await inPage(async (page) => {
    await openHost(page, service.url, { ...options, user: "new-here" });
    const packed = () => page.evaluate(() => [globalThis.host.pack.subject, globalThis.host.pack.generation]);
    const before = await generation(page);
    assert.deepEqual(await packed(), ["region:all", before]);
    await publish(page, before);
    assert.deepEqual(await packed(), ["region:all", await generation(page)]);
    assert.deepEqual(await page.evaluate(() => globalThis.failures), []);
  });
});

/** Publishes a generation, waits until the service has it, and answers its number. */
async function published() {
  const served = async () => Number((await fetch(`${service.url}/api/v1/manifest`)).headers.get("segue-generation"));
  const before = await served();
  await refreshed();
  for (let tries = 0; tries < 200 && (await served()) === before; tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok((await served()) > before);
  return served();
}

/** What a page is answered about packs from now on, with the bytes that travel. */
function packAnswers(page) {
  const answers = [];
  page.on("response", (response) => {
    if (!response.url().includes("/api/v1/packs/")) return;
    const { im, "delta-base": base, etag, "content-length": length } = response.headers();
    answers.push({ status: response.status(), im, base, etag, length: Number(length) });
  });
  return answers;
}

/** Whether the page works with this generation, and keeps the very bytes that the service has for `user`. */
async function isUpToDate(page, user, wanted) {
  assert.deepEqual(await page.evaluate(() => [globalThis.host.manifest.generation, globalThis.host.pack.generation, globalThis.host.list.generation]), [wanted, wanted, wanted]);
  const whole = new Uint8Array(await (await fetch(`${service.url}/api/v1/packs/${encodeURIComponent(user)}`)).arrayBuffer());
  const kept = new Uint8Array(await page.evaluate(() => [...globalThis.host.bundle.pack.bytes]));
  assert.ok(Buffer.from(kept).equals(whole), "the pack that is kept is the one that the service signed");
}

test("of a newer pack what changed travels, and what it makes is kept as a whole one is", { skip: refreshMissing }, async () => {
  const person = await listener(service.url, 3);
  await inPage(async (page) => {
    const answers = packAnswers(page);
    await openHost(page, service.url, person);
    assert.deepEqual(answers.map(({ status }) => status), [200], "who keeps none gets a whole one");
    const wanted = await published();
    await page.evaluate(() => globalThis.host.refresh());
    const [whole, delta, ...others] = answers;
    assert.deepEqual([delta.status, delta.im, others], [226, "segue-delta", []]);
    assert.equal(delta.base.replaceAll(/W\/|"/g, ""), whole.etag.replaceAll(/W\/|"/g, ""), "it is about the pack that is kept");
    assert.ok(delta.length > 0 && delta.length < whole.length, `${delta.length} of ${whole.length} bytes`);
    await isUpToDate(page, person.user, wanted);

    await openHost(page, service.url, person);
    await page.evaluate(() => globalThis.host.refresh());
    assert.ok(answers.slice(2).every(({ status }) => status === 304), "a start asks for what is newer than what was made");
    await isUpToDate(page, person.user, wanted);
    assert.deepEqual(await page.evaluate(() => globalThis.failures), []);
  });
});

test("a delta that is damaged on its way is told, and the pack is fetched whole", { skip: refreshMissing }, async () => {
  const person = await listener(service.url, 3);
  await inPage(async (page) => {
    await openHost(page, service.url, person);
    const wanted = await published();
    const answers = packAnswers(page);
    await page.route("**/api/v1/packs/**", async (route) => {
      const headers = route.request().headers();
      if (!("a-im" in headers)) return route.continue();
      const answer = await route.fetch({ headers: { ...headers, "accept-encoding": "identity" } });
      const body = Buffer.from(await answer.body());
      body[body.length >> 1] ^= 1;
      return route.fulfill({ status: answer.status(), headers: { etag: answer.headers().etag }, contentType: "application/cose", body });
    });
    await page.evaluate(() => globalThis.host.refresh());
    assert.deepEqual(answers.map(({ status }) => status), [226, 200]);
    assert.deepEqual(await page.evaluate(() => globalThis.failures), ["signature_invalid"]);
    await isUpToDate(page, person.user, wanted);
  });
});

test("rotations that cannot be had beside a delta cost no whole pack", { skip: refreshMissing }, async () => {
  const person = await listener(service.url, 3);
  await inPage(async (page) => {
    await openHost(page, service.url, person);
    const wanted = await published();
    const answers = packAnswers(page);
    await page.route("**/api/v1/rotations", (route) => route.fulfill({ status: 503 }));
    await Promise.all([page.waitForResponse("**/api/v1/packs/**"), page.evaluate(() => globalThis.host.refresh())]);
    await page.unroute("**/api/v1/rotations");
    await page.evaluate(() => globalThis.host.refresh());
    assert.deepEqual(answers.map(({ status }) => status), [226, 226]);
    assert.deepEqual(await page.evaluate(() => globalThis.failures), ["http_503"]);
    await isUpToDate(page, person.user, wanted);
  });
});

test("where requests for deltas do not get through, packs are read whole from then on", { skip: refreshMissing }, async () => {
  const person = await listener(service.url, 3);
  await inPage(async (page) => {
    await openHost(page, service.url, person);
    let wanted = await published();
    const asked = [];
    let isOnline = false;
    // A preflight that does not allow the header is a request without an answer, as is any without a network.
    await page.route("**/api/v1/**", (route) => {
      const isDelta = "a-im" in route.request().headers();
      if (route.request().url().includes("/packs/")) asked.push(isDelta ? "delta" : "whole");
      return isOnline && !isDelta ? route.continue() : route.abort();
    });
    const refresh = () => page.evaluate(() => globalThis.host.refresh());
    for (let times = 0; times < 2; times += 1) await refresh();
    isOnline = true;
    await refresh();
    await isUpToDate(page, person.user, wanted);
    wanted = await published();
    await refresh();
    await isUpToDate(page, person.user, wanted);
    // Without a network nothing is asked for twice; with one, once.
    assert.deepEqual(asked, ["delta", "delta", "delta", "whole", "whole"]);
    assert.deepEqual(await page.evaluate(() => globalThis.failures), []);
  });
});

test("a delta that nobody asked for is not kept as a pack", { skip: refreshMissing }, async () => {
  const person = await listener(service.url, 3);
  await inPage(async (page) => {
    await openHost(page, service.url, person);
    const worked = () => page.evaluate(() => globalThis.host.manifest.generation);
    const before = await worked();
    await published();
    await page.route("**/api/v1/packs/**", (route) => {
      if ("a-im" in route.request().headers()) return route.abort();
      return route.fulfill({ status: 226, contentType: "application/cose", body: Buffer.from("a delta") });
    });
    await page.evaluate(() => globalThis.host.refresh());
    assert.deepEqual(await page.evaluate(() => globalThis.failures), ["http_226"]);
    assert.equal(await worked(), before, "the pack before stays");
  });
});
