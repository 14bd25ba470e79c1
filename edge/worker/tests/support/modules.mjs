// The modules that are deployed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What the generated script imports beside its WebAssembly. */
export function snippets() {
  const all = readdirSync(join(ROOT, "build/snippets"), { recursive: true });
  return all.filter((name) => name.endsWith(".js")).map((name) => module("ESModule", `build/snippets/${name}`));
}

export const module = (type, name, contents = readFileSync(join(ROOT, name))) => ({ type, path: join(ROOT, name), contents });

/** The worker's modules with a ranker and its schema. */
export function modules(ranker, schema) {
  return [
    module("ESModule", "worker.mjs"),
    ...snippets(),
    module("ESModule", "build/segue_worker.js"),
    module("CompiledWasm", "build/segue_worker_bg.wasm"),
    module("Data", "build/ranker.onnx", ranker),
    module("Data", "build/schema.bin", schema),
    module("Text", "player.html"),
  ];
}
