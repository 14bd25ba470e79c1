// Measures re-ranks of the packed module under Node; prints one line of JSON.
import { pathToFileURL } from "node:url";
import { startService } from "../support/service.mjs";
import { feed, measure, quantile } from "./loop.mjs";

const INSTALLED = new URL("../../../web-demo/node_modules/@segue/browser/dist/node.js", import.meta.url);

const { Engine, init } = await import(process.env.SEGUE_PACKAGE ? pathToFileURL(process.env.SEGUE_PACKAGE) : INSTALLED);
const service = await startService();
try {
  const read = async (path) => {
    const answer = await fetch(`${service.url}/api/v1/${path}`);
    if (!answer.ok) throw new Error(`${path} was answered with status ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  };
  await init();
  const fed = await feed(Engine, read);
  const times = measure(fed);
  console.log(JSON.stringify({ rerank_ms_p50: quantile(times, 0.5), rerank_ms_p99: quantile(times, 0.99), candidates: fed.candidates }));
} finally {
  await service.stop();
}
