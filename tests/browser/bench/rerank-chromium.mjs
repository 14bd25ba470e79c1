// Measures re-ranks of the packed module in Chromium; prints one line of JSON.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { openArtefacts } from "../support/artefacts.mjs";
import { chromiumMissing, launchChromium } from "../support/chromium.mjs";

const FOLDERS = {
  "/package/": new URL("../../../web-demo/node_modules/@segue/browser/dist/", import.meta.url),
  "/bench/": new URL("./", import.meta.url),
};
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
// Isolated pages get the fine clock.
const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const API = "/api/v1/";

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

const missing = chromiumMissing();
if (missing) {
  console.error(missing);
  process.exit(1);
}
const artefacts = await openArtefacts();
const server = createServer((request, response) => {
  answer(request, response, artefacts).catch((failure) => {
    console.error(failure);
    response.destroy();
  });
}).listen(0, "127.0.0.1");
await once(server, "listening");
const browser = await launchChromium();
try {
  const page = await browser.newPage();
  page.on("pageerror", (failure) => console.error(failure));
  await page.goto(`http://127.0.0.1:${server.address().port}/bench/page.html`);
  const { p50, p99, candidates } = await page.evaluate(() => window.bench());
  console.log(JSON.stringify({ rerank_500x50_chromium_p50_ms: p50, rerank_500x50_chromium_p99_ms: p99, candidates, browser: browser.version() }));
} finally {
  await browser.close();
  server.close();
  await artefacts.stop();
}
