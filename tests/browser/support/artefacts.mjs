// Where a bench reads from: a folder laid out like /api/v1 (`--artefacts DIR`), or a service (`--url URL`, or the environment).
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startService } from "./service.mjs";

/** Answers `read(path)` for the paths under /api/v1/, and `stop`. */
export async function openArtefacts() {
  const { values } = parseArgs({ options: { url: { type: "string" }, artefacts: { type: "string" } } });
  if (values.artefacts !== undefined) {
    const folder = values.artefacts;
    return { read: (path) => readFile(join(folder, path.split("?")[0])), stop: async () => {} };
  }
  const service = await startService(values.url ? { SEGUE_URL: values.url } : process.env);
  const read = async (path) => {
    const answer = await fetch(`${service.url}/api/v1/${path}`);
    if (!answer.ok) throw new Error(`${path} was answered with status ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  };
  return { read, stop: service.stop };
}
