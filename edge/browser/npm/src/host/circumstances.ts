/** The circumstances of requests and events, as a page sees them. */

/** Device, network, hour and weekday, beside what the app adds. */
export function circumstances(surface: string, more: Record<string, string>): Record<string, string> {
  const now = new Date();
  return {
    surface,
    device: matchMedia("(max-width: 720px)").matches ? "phone" : "desktop",
    network: navigator.onLine ? "online" : "offline",
    local_hour: String(now.getHours()),
    // The engine counts from Monday.
    weekday: String((now.getDay() + 6) % 7),
    ...more,
  };
}
