// The player in a real browser against a real service.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromiumMissing, launchChromium } from "./support/chromium.mjs";
import { generations, serve } from "./support/generation.mjs";
import { allSent, atRest, nowPlaying, openPlayer, order, press, someWaiting, state, switchNetwork, upNext, waiting, without } from "./support/player.mjs";
import { serviceMissing, startService } from "./support/service.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const DESKTOP = { viewport: { width: 1280, height: 800 } };

const skip = serviceMissing() ?? chromiumMissing() ?? false;
let service;
let browser;

before(async () => {
  if (skip) return;
  service = await startService();
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** A page in a browser profile of its own. */
async function inPage(options, use) {
  const context = await browser.newContext({ ...DESKTOP, ...options });
  try {
    await use(await context.newPage(), context);
  } finally {
    await context.close();
  }
}

async function screenshot(page, name) {
  const folder = process.env.SEGUE_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await atRest(page);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

for (const [name, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  test(`skipping two songs changes what comes next, with reasons (${name})`, { skip }, async () => {
    await inPage(options, async (page) => {
      const faults = await openPlayer(page, service.url);
      const first = await nowPlaying(page);
      const before = await order(page);
      await press(page, "skip");
      const second = await nowPlaying(page);
      await press(page, "skip");
      const third = await nowPlaying(page);
      const list = await upNext(page);

      assert.equal(new Set([first, second, third]).size, 3, "each skip plays another item");
      const expected = without(before, [second, third]);
      const now = list.map((row) => row.item);
      assert.notDeepEqual(now.slice(0, expected.length), expected, "the rest of the queue is re-ordered, not only moved up");
      assert.ok(!now.includes(first) && !now.includes(second), "what was skipped does not come back at once");
      assert.equal(new Set(now).size, now.length, "no item twice");
      assert.ok(list.every((row) => row.reason && row.text), "each place carries a reason");
      assert.match(await page.textContent(".story"), /^You skipped .+ changed; /, "what moved is told");
      assert.equal(await state(page), "ranked");
      await screenshot(page, `${name}-after-two-skips`);
      assert.deepEqual(faults, []);
    });
  });
}

test("with the network cut, a like changes the order and its event is sent later", { skip }, async () => {
  await inPage({}, async (page, context) => {
    await openPlayer(page, service.url);
    await press(page, "skip");
    await allSent(page);
    await context.setOffline(true);
    const before = await order(page);
    await press(page, "like");
    assert.notDeepEqual(await order(page), before, "the order changes without a network");
    await someWaiting(page);
    await screenshot(page, "desktop-offline-like");
    await context.setOffline(false);
    await allSent(page);
  });
});

/** Events the service has taken, duplicates not counted. */
async function eventsTaken() {
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  return Number(/^segue_events_accepted_total (\d+)/m.exec(metrics)?.[1] ?? 0);
}

test("the offline switch fails every request, the session survives a reload and no event is lost", { skip }, async () => {
  await inPage({}, async (page) => {
    const takenBefore = await eventsTaken();
    const faults = await openPlayer(page, service.url);
    await press(page, "skip");
    await switchNetwork(page, true);
    const answered = await page.evaluate(() => fetch("/api/v1/manifest").then(() => true, () => false));
    assert.equal(answered, false, "a request fails while the switch is on");
    await press(page, "like");
    await someWaiting(page);
    const kept = { playing: await nowPlaying(page), list: await order(page), waiting: await waiting(page) };

    const told = await page.textContent(".strip");
    await page.reload();
    await page.waitForSelector("#up-next li[data-item]");
    await switchNetwork(page, true);
    assert.equal(await page.textContent(".strip"), told, "what happened is still told by name");
    assert.deepEqual({ playing: await nowPlaying(page), list: await order(page), waiting: await waiting(page) }, kept);
    const skipped = kept.playing;
    await press(page, "skip");
    assert.notEqual(await nowPlaying(page), skipped, "the player goes on");
    await screenshot(page, "desktop-offline-reloaded");

    await switchNetwork(page, false);
    await allSent(page);
    // Three items began to play, two were skipped and one was liked.
    assert.equal((await eventsTaken()) - takenBefore, 6);
    assert.deepEqual(faults, []);
  });
});

/** Loads the player, then again with its pack tampered with, and expects a refusal that does no harm. */
async function refuses(tamper, codes) {
  // The worker would answer before the test can; without it every request can be tampered with.
  await inPage({ serviceWorkers: "block" }, async (page) => {
    const faults = await openPlayer(page, service.url);
    await press(page, "skip");
    const user = await page.inputValue("#user");
    await page.route("**/api/v1/packs/**", (route) => tamper(route, user));
    await page.reload();
    await page.waitForSelector("#up-next li[data-item]");
    const code = await page.textContent(".toast code");
    assert.match(code, codes);
    await page.waitForSelector('.column-engine .pill[data-fallback="fallback_pack_refused"]');
    const playing = await nowPlaying(page);
    await press(page, "skip");
    assert.notEqual(await nowPlaying(page), playing, "the player goes on");
    const list = await upNext(page);
    assert.ok(list.length > 0 && list.every((row) => row.text));
    assert.deepEqual(faults, []);
  });
}

test("a truncated pack is refused and the last good one plays on", { skip }, async () => {
  await refuses(async (route) => {
    // The host asks for what is newer than it has; what is to be damaged has to arrive whole.
    const { "if-none-match": _tag, ...headers } = route.request().headers();
    const answer = await route.fetch({ headers });
    const body = await answer.body();
    await route.fulfill({ response: answer, body: body.subarray(0, body.length / 2) });
  }, /envelope_damaged|truncated/);
});

test("another user's pack is refused and the last good one plays on", { skip }, async () => {
  const { users } = await (await fetch(`${service.url}/api/v1/users?limit=5`)).json();
  await refuses(async (route, user) => {
    const other = users.find((name) => name !== user);
    await route.fulfill({ response: await route.fetch({ url: `${service.url}/api/v1/packs/${other}` }) });
  }, /pack_wrong_subject/);
});

test("a first visitor whose pack is refused hears everyone's pack", { skip }, async () => {
  await inPage({ serviceWorkers: "block" }, async (page) => {
    await page.route(/\/api\/v1\/packs\/(?!region)/, async (route) => {
      const answer = await route.fetch();
      const body = await answer.body();
      await route.fulfill({ response: answer, body: body.subarray(0, 100) });
    });
    await openPlayer(page, service.url);
    assert.match(await page.textContent(".status .facts"), /region:all/);
    assert.equal(await state(page), "fallback_pack_refused");
  });
});

for (const generation of [...generations("ranker-refused"), ...generations("ranker-no-numbers")]) {
  const [{ fallback, places }] = generation.lists;
  if (!fallback) continue;
  const why = generation.errors.at(-1) ?? "scores that are no numbers";
  test(`the pack's own order plays on, and says so, over a ranker with ${why}`, { skip }, async () => {
    await inPage({ serviceWorkers: "block" }, async (page) => {
      await serve(page, generation);
      const faults = await openPlayer(page, service.url);
      const shown = [await nowPlaying(page), ...(await order(page))];
      assert.deepEqual(shown.slice(0, places.length), places.map((place) => place.item));
      assert.equal(await state(page), fallback);
      if (generation.errors.length > 0) await page.waitForSelector(`.toast-bad code:text-is("${why}")`);
      await press(page, "skip");
      assert.equal(await nowPlaying(page), shown[1], "and goes on to the next of it");
      assert.deepEqual(faults, []);
    });
  });
}

test("a pack of a version unknown to this page is told, and the one before plays on", { skip }, async () => {
  await inPage({ serviceWorkers: "block" }, async (page) => {
    const [generation] = generations("pack-newer-format");
    await serve(page, generation);
    const faults = await openPlayer(page, service.url);
    assert.equal(await state(page), "ranked");
    const playing = await nowPlaying(page);
    await serve(page, generation, 1);
    await page.reload();
    await page.waitForSelector('.toast-bad code:text-is("format_unknown")');
    assert.equal(await nowPlaying(page), playing);
    assert.equal(await state(page), "fallback_pack_refused");
    await press(page, "skip");
    assert.ok((await order(page)).length > 0, "the list never empties");
    await screenshot(page, "desktop-unknown-version");
    assert.deepEqual(faults, []);
  });
});

test("every way offered to break it is refused, and restoring heals it", { skip }, async () => {
  await inPage({}, async (page) => {
    await openPlayer(page, service.url);
    await press(page, "like");
    await page.click("#break-it");
    const damages = await page.$$eval("[data-damage]", (buttons) => buttons.map((button) => button.dataset.damage));
    assert.ok(damages.length >= 5);
    for (const damage of damages) {
      const hasModel = !(await page.textContent(".column-engine .facts")).includes("Modelnone");
      if (damage === "model" && !hasModel) continue;
      await page.click(`[data-damage="${damage}"]`);
      await page.waitForSelector('.drawer .pill[data-order="fallback"]');
      await page.waitForSelector(".toast-bad code");
      assert.match(await state(page), damage === "model" ? /^fallback_model/ : /^fallback_pack/);
      if (damage === "truncated") await screenshot(page, "desktop-broken");
      await page.click("#repair");
      await page.waitForSelector('.drawer .pill[data-order="ranked"]');
    }
  });
});

test("a service that is away gets a message with its remedy, not a blank page", { skip }, async () => {
  await inPage({ serviceWorkers: "block" }, async (page) => {
    await page.route("**/api/v1/**", (route) => route.abort());
    await page.goto(service.url);
    const message = await page.textContent(".failure");
    assert.match(message, /segue serve/);
    await page.unroute("**/api/v1/**");
    await page.click(".failure button");
    await page.waitForSelector("#up-next li[data-item]");
  });
});

test("each listener has a pack and a session of their own, a guest too", { skip }, async () => {
  await inPage({}, async (page) => {
    const faults = await openPlayer(page, service.url);
    await press(page, "skip");
    const [first, second] = await page.$$eval("#user option", (options) => options.map((option) => option.value));
    const kept = { playing: await nowPlaying(page), list: await order(page) };
    for (const listener of [second, "region:all"]) {
      await page.selectOption("#user", listener);
      await page.waitForFunction((name) => document.querySelector(".facts dd")?.textContent.endsWith(` for ${name}`), listener);
      await page.waitForSelector(".entry-none");
      assert.notDeepEqual(await order(page), kept.list);
    }
    await page.selectOption("#user", first);
    await page.waitForFunction((name) => document.querySelector(".facts dd")?.textContent.endsWith(` for ${name}`), first);
    assert.deepEqual({ playing: await nowPlaying(page), list: await order(page) }, kept);
    assert.deepEqual(faults, []);
  });
});

test("of two listeners chosen in a row the last one listens, however long the first one's pack takes", { skip }, async () => {
  await inPage({ serviceWorkers: "block" }, async (page) => {
    const faults = await openPlayer(page, service.url);
    const [, second, third] = await page.$$eval("#user option", (options) => options.map((option) => option.value));
    await page.route(`**/api/v1/packs/${second}`, (route) => setTimeout(() => route.continue().catch(() => {}), 1_000));
    await page.evaluate((names) => {
      const select = document.querySelector("#user");
      for (const name of names) {
        select.value = name;
        select.dispatchEvent(new Event("change"));
      }
    }, [second, third]);
    await page.waitForSelector('.header[aria-busy="false"]');
    assert.match(await page.textContent(".facts dd"), new RegExp(` for ${third}$`));
    assert.equal(await page.inputValue("#user"), third);
    assert.deepEqual(faults, []);
  });
});

test("an item of the list can be played at once, or sent away", { skip }, async () => {
  await inPage({}, async (page) => {
    const faults = await openPlayer(page, service.url);
    const [, , third] = await order(page);
    await page.click(`#up-next li[data-item="${third}"] .thumb`);
    await page.waitForSelector(`.playing[data-item="${third}"]`);
    assert.ok(!(await order(page)).includes(third), "what plays is not up next");
    await atRest(page);
    const [, unwanted] = await order(page);
    await page.click(`#up-next li[data-item="${unwanted}"] .dismiss`);
    await page.waitForSelector(".entry-not_interested");
    assert.ok(!(await order(page)).includes(unwanted), "what was sent away is gone at once");
    assert.equal(await nowPlaying(page), third, "sending an item away does not stop what plays");
    assert.deepEqual(faults, []);
  });
});

test("a row that is pressed while it glides is held under the pointer until the release", { skip }, async () => {
  await inPage({}, async (page) => {
    const faults = await openPlayer(page, service.url);
    await page.evaluate(() => {
      const list = document.querySelector("#up-next");
      list.addEventListener("pointerdown", (event) => (window.pressed = event.target.closest(".dismiss")?.closest("li").dataset.item));
    });
    await page.keyboard.press("s");
    await page.waitForSelector(".entry-skip");
    // Slowed down, so that the press comes while rows are under way.
    const gliding = await page.$$eval("#up-next li", (rows) => {
      const glides = rows.flatMap((row) => row.getAnimations());
      for (const glide of glides) glide.playbackRate = 0.1;
      return glides.length;
    });
    assert.ok(gliding > 0, "the skip moved rows");
    // Rows that glide lie over each other: one that is on top where it is pressed.
    const [x, y] = await page.$$eval("#up-next li .dismiss", (buttons) => {
      const middle = (button) => {
        const { x, y, width, height } = button.getBoundingClientRect();
        return [x + width / 2, y + height / 2];
      };
      return middle(buttons.slice(3).find((button) => document.elementFromPoint(...middle(button))?.closest(".dismiss") === button));
    });
    await page.mouse.move(x, y);
    await page.mouse.down();
    const pressed = await page.evaluate(() => window.pressed);
    assert.ok(pressed, "the press lies on a row");
    const states = await page.$$eval("#up-next li", (rows) => rows.flatMap((row) => row.getAnimations().map((glide) => glide.playState)));
    assert.deepEqual([...new Set(states)], ["paused"], "no row moves while one is pressed");
    await page.mouse.up();
    await page.waitForSelector(".entry-not_interested");
    assert.ok(!(await order(page)).includes(pressed), "the row that was pressed is sent away");
    assert.deepEqual(faults, []);
  });
});

test("the list rests while it is pressed, so the press counts for the row it began on", { skip }, async () => {
  await inPage({}, async (page) => {
    const faults = await openPlayer(page, service.url);
    const before = await order(page);
    await page.hover(`#up-next li[data-item="${before[1]}"] .dismiss`);
    await page.mouse.down();
    await page.keyboard.press("s");
    await page.waitForSelector(".entry-skip");
    assert.deepEqual(await order(page), before, "the skip shows when the press is over");
    await page.mouse.up();
    await page.waitForSelector(".entry-not_interested");
    const after = await order(page);
    assert.ok(!after.includes(before[1]), "what was sent away is gone");
    assert.ok(!after.includes(await nowPlaying(page)), "what the skip plays is not up next");
    assert.deepEqual(faults, []);
  });
});
