/**
 * Keeps the player's own files, and plays a dead network on request.
 *
 * What the engine is fed with (manifest, model, pack) is kept by the page, which
 * stores only what the engine has verified. This worker only knows files.
 */
declare const self: ServiceWorkerGlobalScope;
/** The files of this build; written by the build. */
declare const __SHELL_FILES__: string[];

/** What the page asks of the worker. */
type Question = { ask: "offline" } | { ask: "set-offline"; offline: boolean };

const FILES: string[] = __SHELL_FILES__;
const SHELL = `shell-${fingerprint(FILES.join("\n"))}`;
const SWITCHES = "switches";
const OFFLINE = "/switches/offline";

/** Undefined until read: the browser stops idle workers, so the switch lives in a cache. */
let offline: boolean | undefined;

function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}

async function isOffline(): Promise<boolean> {
  if (offline === undefined) {
    const switches = await caches.open(SWITCHES);
    offline = (await switches.match(OFFLINE)) !== undefined;
  }
  return offline;
}

async function setOffline(wanted: boolean): Promise<void> {
  const switches = await caches.open(SWITCHES);
  if (wanted) await switches.put(OFFLINE, new Response("on"));
  else await switches.delete(OFFLINE);
  offline = wanted;
}

async function keepShell(): Promise<void> {
  const shell = await caches.open(SHELL);
  await shell.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
}

async function forgetOlderShells(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith("shell-") && name !== SHELL) await caches.delete(name);
  }
}

/** The page itself: the newest there is, or the kept one. */
async function page(request: Request): Promise<Response> {
  const shell = await caches.open(SHELL);
  if (!(await isOffline())) {
    try {
      const answer = await fetch(request);
      if (answer.ok) return answer;
    } catch {
      // No network: the kept page answers.
    }
  }
  return (await shell.match("/")) ?? Response.error();
}

async function file(request: Request): Promise<Response> {
  const shell = await caches.open(SHELL);
  const kept = await shell.match(request, { ignoreVary: true });
  return kept ?? (await network(request));
}

/** Every request that leaves the page; with the switch on, each fails as on a dead network. */
async function network(request: Request): Promise<Response> {
  return (await isOffline()) ? Response.error() : fetch(request);
}

function answer(request: Request): Promise<Response> {
  if (request.mode === "navigate") return page(request);
  const path = new URL(request.url).pathname;
  return request.method === "GET" && FILES.includes(path) ? file(request) : network(request);
}

self.addEventListener("install", (event) => {
  event.waitUntil(keepShell().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOlderShells().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  event.respondWith(answer(event.request));
});

self.addEventListener("message", (event) => {
  const question = event.data as Question;
  const reply = async (): Promise<void> => {
    if (question.ask === "set-offline") await setOffline(question.offline);
    event.ports[0]?.postMessage(await isOffline());
  };
  event.waitUntil(reply());
});

export {};
