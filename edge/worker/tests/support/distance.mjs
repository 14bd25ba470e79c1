// A service that is further away than it is.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Another address of `url`, on which whatever is sent arrives later: a round trip takes `milliseconds` more. */
export async function distant(url, milliseconds) {
  const { hostname, port } = new URL(url);
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port) });
    for (const [from, to] of [[near, far], [far, near]]) {
      from.setNoDelay();
      from.on("data", (bytes) => setTimeout(() => to.write(bytes), milliseconds / 2));
      from.on("end", () => setTimeout(() => to.end(), milliseconds / 2));
      from.on("error", () => to.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}
