/** The front door for Node: the module is read from disk instead of fetched. */
import { readFile } from "node:fs/promises";
import { init as initFrom } from "./start.js";

export * from "./errors.js";
export { Engine } from "./engine.js";
export * from "./outbox.js";
export type * from "./types.js";

/** Starts the module from the file that ships with this package. */
export async function init(): Promise<void> {
  await initFrom(await readFile(new URL("./wasm/segue_wasm_bg.wasm", import.meta.url)));
}
