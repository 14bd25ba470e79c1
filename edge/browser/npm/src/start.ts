/** Starts the WebAssembly module once. */
import { HostError } from "./host/failure.js";
import start from "./wasm/segue_wasm.js";

/** Where the module comes from when not from the file beside this one. */
export type ModuleSource = URL | Request | Response | BufferSource | WebAssembly.Module;

let started: Promise<void> | undefined;
let isStarted = false;

/** Starts the module; calling it again waits for the same start, and a failed start may be tried again. */
export function init(source?: ModuleSource | Promise<Response>): Promise<void> {
  started ??= start(source === undefined ? undefined : { module_or_path: source }).then(
    // Once, and not at every call: see build.rs of the crate.
    (module) => {
      module.__wasm_call_ctors();
      isStarted = true;
    },
    (failure: unknown) => {
      started = undefined;
      throw failure;
    },
  );
  return started;
}

/** A generated class whose construction says what to do where the module was not started; else it fails within. */
export function onceStarted<C extends new (...given: never[]) => object>(made: C): C {
  return new Proxy(made, {
    construct(target, given: never[], called: Function) {
      if (!isStarted) throw new HostError("not_started", `The module is not started: \`await init()\` before \`new ${target.name}\`.`);
      return Reflect.construct(target, given, called) as object;
    },
  });
}
