/** The offline switch: asks the service worker to fail every request. */

/** Starts the service worker; false where the browser has none. */
export async function startWorker(): Promise<boolean> {
  if (!("serviceWorker" in navigator)) return false;
  try {
    await navigator.serviceWorker.register("/service-worker.js");
    await navigator.serviceWorker.ready;
    return true;
  } catch {
    return false;
  }
}

/** Whether the switch is on. */
export const isSwitchedOff = (): Promise<boolean> => ask({ ask: "offline" });

/** Turns the network off or on; answers how it is now. */
export const switchNetwork = (offline: boolean): Promise<boolean> => ask({ ask: "set-offline", offline });

async function ask(question: object): Promise<boolean> {
  const { active } = await navigator.serviceWorker.ready;
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = (event) => resolve(event.data === true);
    active?.postMessage(question, [channel.port2]);
  });
}
