import 'reflect-metadata';
import { EventSource } from 'eventsource';
import { SseConnections } from '../../lib/index.js';
import { launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/external.js';
import { platforms } from '../support/platforms.js';
import { startLiveApp, type LiveApp } from './live-app.js';

declare const isShort: boolean;

/** What a client noticed, in its order. */
type Notice =
  'open' | 'reconnecting' | 'closed' | { readonly type: string; readonly data: string; readonly lastEventId: string };

interface Plan {
  readonly url: string;
  /** The types listened to, besides `message`. */
  readonly types?: readonly string[];
  /** Close after so many events; else when the client itself gives up. */
  readonly events?: number;
}

/**
 * Listens as a page would, until it is over. It runs in Node or inside the browser, so it knows nothing but its argument
 * and the global `EventSource`.
 */
function record({ url, types = [], events = Infinity }: Plan): Promise<Notice[]> {
  interface Global {
    EventSource: typeof EventSource;
  }
  return new Promise((resolve) => {
    const source = new (globalThis as unknown as Global).EventSource(url);
    const notices: Notice[] = [];
    let seen = 0;
    const over = (): void => {
      source.close();
      resolve(notices);
    };
    for (const type of ['message', ...types]) {
      source.addEventListener(type, (event: { type: string; data?: unknown; lastEventId?: string }) => {
        if (seen >= events) return;
        notices.push({ type: event.type, data: String(event.data), lastEventId: event.lastEventId ?? '' });
        if (++seen === events) over();
      });
    }
    source.onopen = () => notices.push('open');
    source.onerror = () => {
      if (seen >= events) return;
      notices.push(source.readyState === 2 ? 'closed' : 'reconnecting');
      if (source.readyState === 2) over();
    };
  });
}

interface BrowserLike {
  /** Runs {@link record} where the client lives, at a page of `origin`. */
  record(origin: string, plan: Plan): Promise<Notice[]>;
  close(): Promise<void>;
}

interface ClientKind {
  launch(): Promise<BrowserLike>;
  /** By the standard, an event without an id says the id before it; and the id goes back whatever its script. */
  readonly deviations: { readonly forgetsIdOfEarlierEvents: boolean; readonly carriesLatinIdsOnly: boolean };
}

function specsOf(client: ClientKind): void {
  const { forgetsIdOfEarlierEvents, carriesLatinIdsOnly } = client.deviations;
  const earlier = (id: string) => (forgetsIdOfEarlierEvents ? '' : id);
  let browser: BrowserLike;
  beforeAll(async () => {
    browser = await client.launch();
  });
  afterAll(() => browser.close());

  describe.each(platforms.filter(({ http2 }) => !http2))('of an application on $name', (platform) => {
    let running: LiveApp;
    beforeAll(async () => {
      running = await startLiveApp(platform);
    });
    afterAll(() => running.app.close());

    const recorded = (path: string, plan: Omit<Plan, 'url'> = {}) =>
      browser.record(running.url, { url: running.url + path, ...plan });

    it('hears each type by its name, with its data and the last id', async () => {
      const id = 'ünï-✓';
      expect(await recorded('/named', { types: ['welcome', 'update', 'bell', 'done'], events: 5 })).toEqual([
        'open',
        { type: 'welcome', data: '{"user":"Ann"}', lastEventId: '' },
        { type: 'update', data: 'two\nlines', lastEventId: id },
        { type: 'message', data: 'Grüße, 世界 👋', lastEventId: earlier(id) },
        { type: 'bell', data: '', lastEventId: earlier(id) },
        { type: 'done', data: '', lastEventId: earlier(id) },
      ]);
    });

    it('comes back with the last id when the stream ends, and stays away for good after 204', async () => {
      const visit = (n: number) => ({ type: 'message', data: `visit ${n}`, lastEventId: String(n) });
      expect(await recorded('/visits')).toEqual([
        'open',
        visit(1),
        visit(2),
        'reconnecting',
        'open',
        visit(3),
        visit(4),
        'reconnecting',
        'closed',
      ]);
      expect(running.live.requestsOf('/visits')).toEqual([undefined, '2', '4']);
      // The marker: another client came back twice, after 10 ms each, and the first one did not move meanwhile.
      await recorded('/visits');
      expect(running.live.requestsOf('/visits')).toEqual([undefined, '2', '4', undefined, '2', '4']);
    });

    it('gives up at once on an answer that is neither 200 nor 204', async () => {
      expect(await recorded('/busy')).toEqual(['closed']);
      await recorded('/visits');
      expect(running.live.requestsOf('/busy')).toEqual([undefined]);
    });

    if (!carriesLatinIdsOnly) {
      it('brings back an id in any script', async () => {
        expect(await recorded('/strange-id')).toEqual([
          'open',
          { type: 'message', data: 'once', lastEventId: 'ünï-✓-世' },
          'reconnecting',
          'closed',
        ]);
        expect(running.live.requestsOf('/strange-id')).toEqual([undefined, 'ünï-✓-世']);
      });
    }

    it('hears an event while the stream stays open, and the server hears that it closes', async () => {
      const noticed = recorded('/live', { events: 2 });
      await running.live.listeners(1);
      const [connection] = running.app.get(SseConnections);
      running.live.next.next({ id: 'a', data: 'now' });
      expect(await noticed).toEqual([
        'open',
        { type: 'message', data: 'hello', lastEventId: '' },
        { type: 'message', data: 'now', lastEventId: 'a' },
      ]);
      expect(await connection!.closed).toMatchObject({ code: 'client_left' });
    });

    it('finds the next process after a restart, and tells it where it was', async () => {
      const first = await startLiveApp(platform);
      const port = Number(new URL(first.url).port);
      const noticed = browser.record(running.url, { url: `${first.url}/live`, events: 3 });
      await first.live.listeners(1);
      first.live.next.next({ id: 'before', data: 'before' });
      await first.app.close();

      const second = await startLiveApp(platform, port);
      try {
        const notices = await noticed;
        // How often it knocked in vain depends on how long the restart took.
        expect(notices.filter((notice) => notice !== 'reconnecting')).toEqual([
          'open',
          { type: 'message', data: 'hello', lastEventId: '' },
          { type: 'message', data: 'before', lastEventId: 'before' },
          'open',
          { type: 'message', data: 'hello', lastEventId: earlier('before') },
        ]);
        expect(second.live.requestsOf('/live')).toEqual(['before']);
      } finally {
        await second.app.close();
      }
    });
  });
}

describe('eventsource from npm', () => {
  specsOf({
    async launch() {
      const before = (globalThis as { EventSource?: unknown }).EventSource;
      Object.assign(globalThis, { EventSource });
      return {
        record: (_, plan) => record(plan),
        close: async () => void Object.assign(globalThis, { EventSource: before }),
      };
    },
    // It hands the id as it is to fetch(), which takes header values of Latin-1 only.
    deviations: { forgetsIdOfEarlierEvents: true, carriesLatinIdsOnly: true },
  });
});

// A browser takes a minute.
if (!isShort) {
  describeWith('chromium', "Chromium's EventSource", (path) => {
    specsOf({
      async launch() {
        const browser = await launchChromium(path);
        return {
          async record(origin, plan) {
            const page = await browser.newPage();
            try {
              await page.goto(origin);
              return await page.evaluate(record, plan);
            } finally {
              await page.close();
            }
          },
          close: () => browser.close(),
        };
      },
      deviations: { forgetsIdOfEarlierEvents: false, carriesLatinIdsOnly: false },
    });
  });
}
