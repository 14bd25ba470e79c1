// Measures re-ranks of the packed module under Node; prints one line of JSON.
import { feed, measure, quantile } from "./loop.mjs";
import { openArtefacts } from "../support/artefacts.mjs";

const INSTALLED = new URL("../../../web-demo/node_modules/@segue/browser/dist/node.js", import.meta.url);

const { Engine, init } = await import(INSTALLED);
const artefacts = await openArtefacts();
try {
  await init();
  const fed = await feed(Engine, artefacts.read);
  const times = measure(fed);
  console.log(JSON.stringify({ rerank_ms_p50: quantile(times, 0.5), rerank_ms_p99: quantile(times, 0.99), candidates: fed.candidates }));
} finally {
  await artefacts.stop();
}
