// Re-ranks a served pack with the packed module under Node; prints one line of JSON.
import { addRanker, measure, open, quantile, Run } from "./loop.mjs";
import { openArtefacts } from "../support/artefacts.mjs";

const INSTALLED = new URL("../../../web-demo/node_modules/@segue/browser/dist/node.js", import.meta.url);
const KINDS = ["skip", "play", "complete", "like", "play"];

/** Events about the first places of the pack. */
function events(items) {
  const event = (item, index) => ({
    item,
    kind: KINDS[index % KINDS.length],
    played_ms: 4_000 + (index % 9) * 20_000,
    total_ms: 200_000,
  });
  return items.map((_, index) => event(items[(index * 7) % items.length], index));
}

const { Engine, init } = await import(INSTALLED);
const artefacts = await openArtefacts();
try {
  await init();
  const [user] = JSON.parse(new TextDecoder().decode(await artefacts.read("users?limit=1"))).users;
  const workload = {
    subject: `user:${user}`,
    surface: "radio",
    count: 50,
    start_ms: Date.now(),
    milliseconds_between: 45_000,
    session_events: 50,
    context: { device: "desktop", local_hour: "20", weekday: "4" },
  };
  const opened = await open(Engine, artefacts.read, workload);
  await addRanker(opened, artefacts.read);
  const { places } = new Run(opened.engine, { ...workload, session_events: 0 }).rank();
  workload.events = events(places.map((place) => place.item));
  const times = measure(new Run(opened.engine, workload));
  console.log(
    JSON.stringify({ rerank_ms_p50: quantile(times, 0.5), rerank_ms_p99: quantile(times, 0.99), candidates: opened.candidates }),
  );
} finally {
  await artefacts.stop();
}
