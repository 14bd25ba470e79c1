/** The generated engine with the types of `types.ts`. */
import { onceStarted } from "./start.js";
import { Engine as GeneratedEngine } from "./wasm/segue_wasm.js";
import type { Engine as EngineInstance, EngineConstructor } from "./types.js";

/** An engine. */
export type Engine = EngineInstance;

/** Makes engines; call `init` first. */
export const Engine = onceStarted(GeneratedEngine) as unknown as EngineConstructor;
