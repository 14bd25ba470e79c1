// A Chromium to drive: CHROME_PATH, or where distributions put it.
import { existsSync } from "node:fs";
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
