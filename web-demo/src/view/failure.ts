/** The page that is shown when the player cannot start: what is missing and what to do. */
import { noticeOf } from "../player/player";
import { remedyWords } from "../words";
import { element } from "./element";
import { icon } from "./icons";

function remedy(failure: unknown): string {
  if (noticeOf(failure).code === "network_unreachable") {
    return `The service at ${location.origin} does not answer. Start it with “cargo xtask demo”, or “segue serve --data DIR”, then try again.`;
  }
  if (failure instanceof WebAssembly.CompileError) {
    return "This browser cannot run the engine: it needs WebAssembly with SIMD, which every browser has had since 2023.";
  }
  const words = remedyWords(noticeOf(failure).code);
  return words || "Run “segue refresh --data DIR” so that packs are published, then try again.";
}

/** The whole page as a message. */
export function failurePage(failure: unknown): HTMLElement {
  const { code, message } = noticeOf(failure);
  return element(
    "main",
    { class: "failure", role: "alert" },
    icon("offline"),
    element("h1", {}, "The player could not start"),
    element("p", {}, message),
    element("p", { class: "failure-remedy" }, remedy(failure)),
    element("button", { type: "button", class: "button button-strong", onclick: () => location.reload() }, "Try again"),
    element("code", {}, code),
  );
}
