// A Chromium to drive: CHROME_PATH, or where distributions put it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

/** The browser's executable, or undefined. */
export function chromiumPath(environment = process.env) {
  return [environment.CHROME_PATH, ...PLACES].find((place) => place && existsSync(place));
}

/** Why no browser can be had, or null. */
export function chromiumMissing(environment = process.env) {
  if (chromiumPath(environment)) return null;
  return environment.CHROME_PATH
    ? `no Chromium: CHROME_PATH names ${environment.CHROME_PATH}, which does not exist`
    : "no Chromium: install it (apt-get install --no-install-recommends chromium) or set CHROME_PATH";
}

/** Starts it. Root has no user namespace to build a sandbox in. */
export function launchChromium() {
  return chromium.launch({ executablePath: chromiumPath(), chromiumSandbox: process.getuid?.() !== 0 });
}

/** Kills the process of a page, as when its memory runs out. */
export async function crash(page) {
  const crashed = page.waitForEvent("crash");
  const developer = await page.context().newCDPSession(page);
  developer.send("Page.crash").catch(() => {});
  await crashed;
}

/** Sites may keep nothing in a browser that is started with this profile: no cookies, databases, locks or channels. */
export async function forbidStorage(profile) {
  await mkdir(join(profile, "Default"), { recursive: true });
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  await writeFile(join(profile, "Default/Preferences"), JSON.stringify(preferences));
}

/** Starts a browser with a profile that outlives it, and that can be killed like a phone's battery. */
export async function launchMortal(profile) {
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const program = spawn(chromiumPath(), ["--headless=new", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "--no-first-run", "--disable-gpu", ...sandbox, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const address = await addressOf(program);
  const browser = await chromium.connectOverCDP(address);
  const kill = async () => {
    const ended = once(program, "exit");
    program.kill("SIGKILL");
    await ended;
  };
  return { context: browser.contexts()[0], kill };
}

function addressOf(program) {
  let told = "";
  return new Promise((resolve, reject) => {
    // It is read to its end, as a full pipe would hold the browser up.
    program.stderr.on("data", (bytes) => {
      told += bytes;
      const address = /DevTools listening on (ws:\S+)/.exec(told);
      if (address) resolve(address[1]);
    });
    program.once("exit", () => reject(new Error(`the browser ended: ${told}`)));
  });
}
