// The worker before a real cloud, for people: `demo.mjs PORT`.
import { workerBefore } from "./cloud.mjs";

const { miniflare, url } = await workerBefore(Number(process.argv[2] ?? 0));
console.log(`\nThe worker's player is at ${url}\nStop it with Ctrl-C.`);
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await miniflare.dispose();
    process.exit(0);
  });
}
