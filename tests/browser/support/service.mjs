// A running service: the one at SEGUE_URL, or `segue serve` started over SEGUE_DATA.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const PLAYER = fileURLToPath(new URL("../../../web-demo/dist", import.meta.url));
const START_LIMIT_MS = 60_000;

/** Why no service can be had, or null. */
export function serviceMissing(environment = process.env) {
  if (environment.SEGUE_URL || (environment.SEGUE_BIN && environment.SEGUE_DATA)) return null;
  return "no service: set SEGUE_URL, or SEGUE_BIN and SEGUE_DATA";
}

/** Starts or finds the service; `stop` ends what was started. */
export async function startService(environment = process.env) {
  if (environment.SEGUE_URL) return { url: environment.SEGUE_URL.replace(/\/$/, ""), stop: async () => {} };
  const address = `127.0.0.1:${await freePort()}`;
  const player = environment.SEGUE_PLAYER ?? PLAYER;
  const arguments_ = ["serve", "--data", environment.SEGUE_DATA, "--listen", address, "--player", player];
  const server = spawn(environment.SEGUE_BIN, arguments_, { stdio: ["ignore", "ignore", "inherit"] });
  const url = `http://${address}`;
  try {
    await ready(server, url);
  } catch (failure) {
    server.kill();
    throw failure;
  }
  return {
    url,
    stop: async () => {
      if (server.exitCode !== null) return;
      server.kill();
      await once(server, "exit");
    },
  };
}

async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  return port;
}

async function ready(server, url) {
  const limit = Date.now() + START_LIMIT_MS;
  while (Date.now() < limit) {
    if (server.exitCode !== null) throw new Error(`the service ended with ${server.exitCode} before it was ready`);
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the service at ${url} is not ready after ${START_LIMIT_MS / 1000} s`);
}
