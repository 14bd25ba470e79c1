// The edge worker as `cargo xtask demo --worker` runs it, before a service.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../edge/worker/", import.meta.url));
/** The worker's tools want a newer Node than the rest. */
const NODE = `${FOLDER}node_modules/.bin/node`;

/** Why no worker can be had, or null. */
export function workerMissing() {
  const built = existsSync(`${FOLDER}build/segue_worker_bg.wasm`) && existsSync(NODE);
  return built ? null : "no worker: run `cargo xtask worker build`";
}

/** Starts it before the service at `url`; `stop` ends it. */
export async function startWorker(url) {
  const running = spawn(NODE, ["tests/support/demo.mjs", "0"], { cwd: FOLDER, env: { ...process.env, SEGUE_URL: url }, stdio: ["ignore", "pipe", "inherit"] });
  const stop = async () => {
    if (running.exitCode !== null) return;
    running.kill();
    await once(running, "exit");
  };
  let told = "";
  return new Promise((resolve, reject) => {
    // It is read to its end, as a full pipe would hold it up.
    running.stdout.setEncoding("utf8").on("data", (text) => {
      told += text;
      const place = /player is at (http:\S+?)\/?\s/.exec(told);
      if (place) resolve({ url: place[1], stop });
    });
    running.once("exit", () => reject(new Error(`the worker ended before it was ready: ${told}`)));
  });
}
