// The player as a test sees it.

/** Opens the player and waits for its list. */
export async function openPlayer(page, url) {
  const faults = [];
  page.on("pageerror", (fault) => faults.push(fault));
  await page.goto(url);
  await page.waitForSelector("#up-next li[data-item]");
  return faults;
}

/** The list: item, reason code, the reason's text, and what moved. */
export const upNext = (page) =>
  page.$$eval("#up-next li[data-item]", (rows) =>
    rows.map((row) => ({
      item: row.dataset.item,
      reason: row.dataset.reason,
      text: row.querySelector(".reason")?.textContent ?? "",
      moved: row.querySelector(".moved")?.getAttribute("aria-label") ?? "",
    })),
  );

/** The items of the list, in order. */
export const order = async (page) => (await upNext(page)).map((row) => row.item);

/** The item that plays. */
export const nowPlaying = (page) => page.getAttribute(".playing", "data-item");

/** The state the engine's card shows: `ranked`, or a fallback's code. */
export const state = (page) =>
  page.$eval(".column-engine .pill", (pill) => (pill.dataset.order === "ranked" ? "ranked" : pill.dataset.fallback));

/** How many events wait to be sent. */
export const waiting = async (page) => Number(await page.getAttribute(".outbox", "data-waiting"));

/** Waits until the rows have glided to their places. */
export const atRest = (page) => page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined))));

/** Presses a control (`skip`, `like`, `not_interested`, `complete`) and waits until its event is in the session strip. */
export async function press(page, kind) {
  const before = await measured(page);
  await page.click(`.control[data-kind="${kind}"]`);
  await page.waitForFunction((count) => document.querySelectorAll(".plot .bar").length > count, before);
}

/** Turns the player's own network switch and waits until it has turned. */
export async function switchNetwork(page, offline) {
  const network = page.locator("#offline-switch:not([disabled])");
  await network.waitFor();
  if ((await network.getAttribute("aria-checked")) !== String(offline)) await network.click();
  await page.locator(`#offline-switch[aria-checked="${offline}"]`).waitFor();
}

/** Waits until an event waits in the outbox. */
export const someWaiting = (page) => page.waitForSelector('.outbox:not([data-waiting="0"])', { state: "attached" });

/** Waits until the outbox is empty. */
export const allSent = (page) => page.waitForSelector('.outbox[data-waiting="0"]', { state: "attached" });

/** How many re-ranks the chart shows. */
const measured = (page) => page.$$eval(".plot .bar", (bars) => bars.length);

/** What stays of a list after items have left it, at most as many as can be compared without the newcomers at its end. */
export const without = (list, left) => list.filter((item) => !left.includes(item));
