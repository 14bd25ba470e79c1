/** The circumstances of a request, as the host sees them. */
export function circumstances(surface: string, offline: boolean): Record<string, string> {
  const now = new Date();
  return {
    surface,
    device: matchMedia("(max-width: 720px)").matches ? "phone" : "desktop",
    network: offline || !navigator.onLine ? "offline" : "online",
    local_hour: String(now.getHours()),
    // The engine counts from Monday.
    weekday: String((now.getDay() + 6) % 7),
  };
}
