/** Starts the page: storage, engine, player; or says what is missing. */
import { App, type Listener } from "./app";
import * as api from "./data/api";
import { keepSetting, setting } from "./data/settings";
import { Store } from "./data/store";
import { failurePage } from "./view/failure";
import { Page } from "./view/page";
import "./styles/base.css";
import "./styles/player.css";
import "./styles/list.css";
import "./styles/engine.css";

const USERS_SHOWN = 40;

/** Asks the service, and remembers its answer for the time without it. */
async function knownRootKey(): Promise<string> {
  try {
    const key = await api.rootKey();
    keepSetting("root-key", key);
    return key;
  } catch (failure) {
    const kept = setting<string>("root-key");
    if (kept !== undefined) return kept;
    throw failure;
  }
}

async function knownPeople(): Promise<api.People> {
  try {
    const people = await api.people(USERS_SHOWN);
    keepSetting("people", people);
    return people;
  } catch (failure) {
    const kept = setting<api.People>("people");
    if (kept) return kept;
    throw failure;
  }
}

async function start(root: HTMLElement): Promise<void> {
  const rootKey = await knownRootKey();
  const [people, store] = await Promise.all([knownPeople(), Store.open(rootKey)]);
  let page: Page | undefined;
  const listener: Listener = {
    changed: () => page?.update(),
    ticked: () => page?.tick(),
    notified: (notice) => page?.toast(notice),
  };
  const app = new App(rootKey, store, people, listener);
  page = new Page(app);
  await app.start();
  root.replaceChildren(page.node);
  page.update();
}

const root = document.getElementById("app");
if (root) {
  start(root).catch((failure: unknown) => root.replaceChildren(failurePage(failure)));
}
