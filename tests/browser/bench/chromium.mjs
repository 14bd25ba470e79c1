// Measures the packed module in Chromium; prints one line of JSON.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { openArtefacts } from "../support/artefacts.mjs";
import { chromiumMissing, launchChromium } from "../support/chromium.mjs";
import { quantile } from "./loop.mjs";

const FOLDERS = {
  "/package/": new URL("./node_modules/@segue/browser/dist/", import.meta.url),
  "/ort/": new URL("./node_modules/onnxruntime-web/dist/", import.meta.url),
  "/bench/": new URL("./", import.meta.url),
};
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
// Isolated pages get the fine clock.
const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const API = "/api/v1/";
const STARTS = 15;
const THROTTLE = 4;

async function answer(request, response, artefacts) {
  if (request.url.startsWith(API)) {
    const bytes = await artefacts.read(request.url.slice(API.length)).catch(() => null);
    response.writeHead(bytes ? 200 : 404, ISOLATION).end(bytes);
    return;
  }
  const [prefix, folder] = Object.entries(FOLDERS).find(([start]) => request.url.startsWith(start)) ?? [];
  if (!prefix) return response.writeHead(404, ISOLATION).end();
  const file = new URL(request.url.slice(prefix.length), folder);
  response.writeHead(200, { ...ISOLATION, "content-type": TYPES[extname(file.pathname)] ?? "text/plain" });
  response.end(await readFile(file));
}

async function serve(artefacts) {
  const server = createServer((request, response) => {
    answer(request, response, artefacts).catch((failure) => {
      console.error(failure);
      response.destroy();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Calls one of the page's functions in a browser of its own, so that nothing is warm; `slowdown` throttles its processor. */
async function inBrowser(server, name, { slowdown = 1, argument } = {}) {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    page.on("pageerror", (failure) => console.error(failure));
    await page.goto(`http://127.0.0.1:${server.address().port}/bench/page.html`);
    await page.waitForFunction(() => window.bench !== undefined);
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: slowdown });
    return await page.evaluate(([name, argument]) => window.bench[name](argument), [name, argument]);
  } finally {
    await browser.close();
  }
}

async function figures(server) {
  const usual = await inBrowser(server, "rerank");
  const throttled = await inBrowser(server, "rerank", { slowdown: THROTTLE });
  const grown = await inBrowser(server, "growth");
  const starts = [];
  for (let left = STARTS; left > 0; left -= 1) starts.push(await inBrowser(server, "start"));
  const ratios = await inBrowser(server, "peers");
  return {
    rerank_500x50_chromium_p50_ms: usual.p50,
    rerank_500x50_chromium_p99_ms: usual.p99,
    rerank_500x50_throttled4x_p99_ms: throttled.p99,
    session_peak_memory_bytes: Math.max(usual.memory, grown.memory),
    session_growth_bytes: grown.growth,
    session_filling_bytes: grown.filling,
    first_list_chromium_ms: quantile(starts.map((start) => start.first), 0.5),
    cold_start_chromium_ms: quantile(starts.map((start) => start.cold), 0.5),
    ratio_ortweb_event: ratios.event,
    ratio_ortweb_split: ratios.split,
  };
}

const missing = chromiumMissing();
if (missing) {
  console.error(missing);
  process.exit(1);
}
const artefacts = await openArtefacts();
const server = await serve(artefacts);
try {
  console.log(JSON.stringify(await figures(server)));
} finally {
  server.close();
  await artefacts.stop();
}
