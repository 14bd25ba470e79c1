// A cloud made up for tests: it serves one of the world's generations, takes events in, and can go down or hang.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

export const WORLD = process.env.SEGUE_WORLD;

const tagOf = (bytes) => `"${createHash("sha256").update(bytes).digest("hex")}"`;

export class Origin {
  generation = "1";
  down = false;
  /** Where its answers to `GET` stop for ever: before the `head`, or in the midst of the `body`. */
  hangs = null;
  /** Paths asked for, and the credentials shown with the last. */
  asked = [];
  credentials;
  /** Paths of which it told what changed, to whoever asked for that with the tag of generation 1. */
  deltas = [];
  /** Events posted, with the ids they came with. */
  events = [];
  /** How the next posts are answered, before the usual 202. */
  answers = [];
  /** Whether events are refused for good. */
  refuses = false;
  /** Events that a test's worker found among the dead letters. */
  dead = [];

  async start() {
    this.server = createServer((request, response) => this.#answer(request, response));
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #answer(request, response) {
    const path = decodeURIComponent(request.url).replace(/^\/api\/v1\//, "");
    this.asked.push(path);
    this.credentials = request.headers.authorization;
    if (this.down) return response.writeHead(503).end();
    if (this.hangs === "head") return;
    if (request.method === "POST") return this.#take(request, response, path);
    if (this.hangs === "body") return response.writeHead(200).write("the rest never comes");
    const bytes = await readFile(join(WORLD, this.generation, path)).catch(() => null);
    if (!bytes) return response.writeHead(404).end();
    const tag = tagOf(bytes);
    if (request.headers["if-none-match"] === tag) return response.writeHead(304).end();
    const delta = await this.#delta(request, path);
    if (!delta) return response.writeHead(200, { etag: tag }).end(bytes);
    this.deltas.push(path);
    response.writeHead(226, { etag: tag, im: "segue-delta", "delta-base": request.headers["if-none-match"] }).end(delta);
  }

  /** What changed of a pack since generation 1, for whoever keeps that; null where there is no such thing. */
  async #delta({ headers }, path) {
    if (headers["a-im"] !== "segue-delta" || !path.startsWith("packs/")) return null;
    const [base, delta] = [join("1", path), join(this.generation, path.replace("packs/", "deltas/"))];
    const [kept, bytes] = await Promise.all([base, delta].map((file) => readFile(join(WORLD, file)).catch(() => null)));
    return kept && headers["if-none-match"] === tagOf(kept) ? bytes : null;
  }

  async #take(request, response, path) {
    const chunks = await request.toArray();
    const { events } = JSON.parse(Buffer.concat(chunks).toString());
    if (path === "dead") {
      this.dead.push(...events);
      return response.writeHead(200).end();
    }
    const status = this.answers.shift() ?? (this.refuses ? 422 : 202);
    if (status === 202) this.events.push(...events);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ accepted: events.length, duplicates: 0, rejected: [] }));
  }
}
