/** Opens a host: storage, engine, session, the kept or a fresh pack. */
import { Engine } from "../engine.js";
import { init } from "../start.js";
import { Backstage } from "./backstage.js";
import { asHostError, type HostError } from "./failure.js";
import { Host } from "./host.js";
import { WHOLE_BROWSER, settingsOf, type HostOptions } from "./options.js";
import { Service } from "./service.js";
import { Session } from "./session.js";
import { Connection } from "./store/connection.js";
import { FailoverStore, type Moved } from "./store/failover.js";
import { Supply } from "./supply/supply.js";

/**
 * A host that works: with a network or without one once a pack was kept, with storage or in memory.
 *
 * Rejects with a code where there is neither a kept pack nor an answer (`network_unreachable`, `pack_missing`,
 * `generation_missing`, `key_invalid`, ...) and with `surface_unknown` where the service has no such surface.
 */
export async function openSegue(options: HostOptions): Promise<Host> {
  await init(options.module);
  const settings = settingsOf(options);
  const engine = new Engine(settings.root);
  const name = `segue-${settings.root.slice(0, 16)}`;
  const early: HostError[] = [];
  let backstage: Backstage | undefined;
  const complain = (failure: HostError): void => void (backstage ? backstage.failed(failure) : early.push(failure));
  const moved: Moved = (storage, why) => (backstage ? backstage.moved(storage, why) : why ? complain(why) : undefined);

  const connection = new Connection(name);
  const store = await FailoverStore.open(connection, settings.subject, moved);
  const service = new Service(settings);
  const everybodys = await FailoverStore.open(connection, WHOLE_BROWSER, () => undefined);
  const supply = new Supply(engine, service, store, everybodys, settings, complain);
  try {
    const ask = await supply.open();
    const session = new Session(engine, store);
    const failure = await session.restore();
    if (failure) complain(failure);
    // An app may have learnt of a surface since its pack was kept.
    if (ask && !(settings.surface in supply.last.manifest.policies)) await supply.refresh();
    backstage = new Backstage(name, connection, store, supply, session, settings, service);
    for (const each of early) backstage.failed(each);
    const host = new Host(settings, session, backstage);
    host.rank();
    await backstage.begin();
    if (ask) void backstage.refresh();
    return host;
  } catch (failure) {
    connection.end();
    engine.free();
    throw asHostError(failure);
  }
}
