/** Starts the WebAssembly module once. */
import start from "./wasm/segue_wasm.js";

/** Where the module comes from when not from the file beside this one. */
export type ModuleSource = URL | Request | Response | BufferSource | WebAssembly.Module;

let started: Promise<void> | undefined;

/** Starts the module; calling it again waits for the same start, and a failed start may be tried again. */
export function init(source?: ModuleSource | Promise<Response>): Promise<void> {
  started ??= start(source === undefined ? undefined : { module_or_path: source }).then(
    // Once, and not at every call: see build.rs of the crate.
    (module) => module.__wasm_call_ctors(),
    (failure: unknown) => {
      started = undefined;
      throw failure;
    },
  );
  return started;
}
