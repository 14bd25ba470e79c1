/**
 * The front door for pages and bundlers.
 *
 * The generated module beside it does the work; this one starts it once and
 * gives its engine the types of `types.ts`.
 */
import start, { Engine as GeneratedEngine } from "./wasm/segue_wasm.js";
import type { Engine as EngineInstance, EngineConstructor } from "./types.js";

export * from "./errors.js";
export type * from "./types.js";

/** An engine. */
export type Engine = EngineInstance;

/** Makes engines; call `init` first. */
export const Engine = GeneratedEngine as unknown as EngineConstructor;

/** Where the module comes from when not from the file beside this one. */
export type ModuleSource = URL | Request | Response | BufferSource | WebAssembly.Module;

let started: Promise<void> | undefined;

/** Starts the module; calling it again waits for the same start, and a failed start may be tried again. */
export function init(source?: ModuleSource | Promise<Response>): Promise<void> {
  started ??= start(source === undefined ? undefined : { module_or_path: source }).then(
    () => undefined,
    (failure: unknown) => {
      started = undefined;
      throw failure;
    },
  );
  return started;
}
