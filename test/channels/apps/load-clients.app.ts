import { request, type ClientRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { obey } from '../../support/child-commands.js';
import { until } from '../../support/until.js';
import { DerivedReader, withoutSeals, type ChannelIds, type DerivedVerdict } from '../derived-events.js';
import { seeded } from '../oracle.js';

export interface LoadPlan {
  readonly url: string;
  readonly ids: Readonly<Record<string, ChannelIds>>;
  /** What each channel has at least. */
  readonly preloaded: number;
  readonly clients: number;
  readonly arriveMs: number;
}

export interface LoadResult extends DerivedVerdict {
  readonly comebacks: number;
  readonly finished: number;
}

/** Positions that some client has seen: nobody can come with another. */
const seen = new Map<string, string>();

class LoadClient extends DerivedReader {
  private current: ClientRequest | undefined;
  private readonly path: string;

  constructor(
    private readonly url: string,
    channels: readonly string[],
    ids: LoadPlan['ids'],
  ) {
    super(channels, ids, seen);
    this.path = `/feed?channels=${channels.join()}`;
  }

  connect(): void {
    const headers = this.lastId === undefined ? {} : { 'last-event-id': this.lastId };
    const current = (this.current = request(this.url + this.path, { agent: false, headers }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (text: string) => current === this.current && this.feed(text));
      response.on('error', () => undefined);
    }));
    current.on('error', () => undefined);
    current.end();
  }

  comeBack(): void {
    this.current?.destroy();
    this.cut();
    this.connect();
  }

  leave(): void {
    this.current?.destroy();
  }
}

const clients: LoadClient[] = [];
let comebacks = 0;

/** Lets them arrive one by one, each with a random cursor into what was published so far; and some are cut meanwhile. */
async function arrive({ url, ids, preloaded, clients: count, arriveMs }: LoadPlan): Promise<void> {
  const random = seeded(count);
  const names = Object.keys(ids);
  const newest = new Map(names.map((name) => [name, preloaded]));
  for (const { positions = [] } of Object.values(ids)) {
    for (const position of positions) seen.set(withoutSeals(position)!, position);
  }
  /** So many events of a channel that somebody knows the position behind them. */
  const anywhere = (name: string) => {
    let n = random(newest.get(name)!) + 1;
    while (!seen.has(`${ids[name]!.prefix}${n}`)) n--;
    return n;
  };
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    while (performance.now() - began < (i * arriveMs) / count) await delay(1);
    const chosen = new Set<string>();
    while (chosen.size < (i % 5 === 0 ? 3 : 1)) chosen.add(names[random(names.length)]!);
    const client = new LoadClient(url, [...chosen], ids);
    for (const one of clients.slice(-20)) {
      for (const [name, n] of one.newest()) newest.set(name, Math.max(n, newest.get(name)!));
    }
    // One of ten comes without an id.
    if (i % 10 !== 1) client.begin([...chosen].map(anywhere));
    clients.push(client);
    client.connect();
    if (i % 4 === 3) {
      clients[random(clients.length)]!.comeBack();
      comebacks++;
    }
  }
}

async function finish(counts: Record<string, number>): Promise<LoadResult> {
  await until(() => clients.every((client) => client.hasAll(counts)), 'all have everything').catch(() => undefined);
  const total = { delivered: 0, repeated: 0, missing: 0, wrong: 0, gaps: 0 };
  let finished = 0;
  for (const client of clients) {
    if (client.hasAll(counts)) finished++;
    for (const key of Object.keys(total) as (keyof DerivedVerdict)[]) total[key] += client.verdict[key];
    client.leave();
  }
  return { ...total, comebacks, finished };
}

obey({ arrive, finish }, undefined);
// No server: there is nothing to wait for.
process.send?.({ url: '' });
