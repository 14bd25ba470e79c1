// What an isolate's JavaScript keeps, as its inspector tells. The engine's own memory is in `/healthz`.

/** The option of Miniflare that `liveHeap` needs: any free port. */
export const INSPECTED = { inspectorPort: 0 };

/** Bytes that the worker's isolate holds after a collection: objects, buffers and what the runtime keeps for them. */
export async function liveHeap(miniflare) {
  const url = await miniflare.getInspectorURL();
  url.protocol = "ws:";
  url.pathname = "/core:user:";
  const ask = await connected(url);
  // An isolate that rests may not hear its inspector until it is asked for something.
  const awake = setInterval(() => miniflare.dispatchFetch("http://worker/healthz").then((answer) => answer.text(), () => {}), 100);
  await ask("HeapProfiler.enable");
  await ask("HeapProfiler.collectGarbage");
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await ask("Runtime.getHeapUsage");
  clearInterval(awake);
  await ask.close();
  return usedSize + embedderHeapUsedSize + backingStorageSize;
}

/** Asks a method of the inspector at `url` and waits for its result. */
async function connected(url) {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
  const waiting = new Map();
  socket.onmessage = ({ data }) => {
    const { id, result, error } = JSON.parse(data);
    const [resolve, reject] = waiting.get(id) ?? [];
    if (error) reject?.(new Error(error.message));
    else resolve?.(result);
    waiting.delete(id);
  };
  let count = 0;
  const ask = (method) =>
    new Promise((...settle) => {
      waiting.set((count += 1), settle);
      socket.send(JSON.stringify({ id: count, method }));
    });
  ask.close = () => new Promise((resolve) => Object.assign(socket, { onclose: resolve }).close());
  return ask;
}
