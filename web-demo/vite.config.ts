import { defineConfig, type Plugin } from "vite";

/** The service worker's file name: it has to stay the same from build to build, and at the top, to control every page. */
const WORKER = "service-worker.js";

/** Writes the list of files the player consists of into the service worker, so that it can keep all of them. */
function shellList(): Plugin {
  return {
    name: "shell-list",
    generateBundle(_options, bundle) {
      const files = Object.keys(bundle).filter((name) => name !== WORKER && !name.endsWith(".html"));
      const worker = bundle[WORKER];
      if (worker?.type !== "chunk") throw new Error(`${WORKER} is not part of the build`);
      if (!worker.code.includes("__SHELL_FILES__")) throw new Error(`${WORKER} does not ask for the list of files`);
      worker.code = worker.code.replace("__SHELL_FILES__", JSON.stringify(["/", "/icon.svg", ...files.map((name) => `/${name}`)]));
    },
  };
}

export default defineConfig({
  plugins: [shellList()],
  server: { proxy: { "/api": "http://127.0.0.1:8787" } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: "index.html", "service-worker": "src/worker/service-worker.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "service-worker" ? WORKER : "assets/[name]-[hash].js"),
      },
    },
  },
});
