import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { Controller } from '@nestjs/common';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule, SseQueue, SseResponse } from '../../lib/index.js';
import { encodeComment, encodeEvent } from '../../lib/index.js';
import { RedisBackplane } from '../../lib/redis/index.js';
import { resolveRedisOptions } from '../../lib/redis/redis-backplane-options.js';
import { resolveOptions } from '../../lib/sse.options.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

let running: Running;
let broadcaster: SseBroadcaster;
let connection: SseConnection;

@Controller()
class Feeds {
  constructor(private readonly feeds: SseBroadcaster) {}
  @Sse('feed') feed(@SseClient() client: SseConnection) {
    connection = client;
    return this.feeds.subscribe('a');
  }
}

/** An object of options: its type, what stands before it in an error, a name it has, and the call that it is given to. */
type Case = [type: string, path: string, known: string, use: (options: never) => unknown];

const CASES: Case[] = [
  ['SseModuleOptions', '', 'history', (options) => resolveOptions(options)],
  ['SseModuleAsyncOptions', 'forRootAsync', 'useFactory', (options) => SseModule.forRootAsync(options)],
  ['SseBufferOptions', 'buffer', 'maxBytes', (buffer) => resolveOptions({ buffer })],
  ['SseOverflow', 'buffer.overflow', 'latest', (more) => resolveOptions({ buffer: { overflow: latest(more) } })],
  ['SsePingOptions', 'ping', 'intervalMs', (ping) => resolveOptions({ ping })],
  ['SseShutdownOptions', 'shutdown', 'gracePeriodMs', (shutdown) => resolveOptions({ shutdown })],
  ['retryMs', 'shutdown.retryMs', 'max', (retryMs) => resolveOptions({ shutdown: { retryMs } })],
  ['SseHistoryOptions', 'history', 'maxAgeMs', (history) => resolveOptions({ history })],
  ['SseSlowClient', 'slowClient', 'latest', (more) => resolveOptions({ slowClient: latest(more) })],
  ['SseChannelRule', 'channels[0]', 'match', (rule: object) => resolveOptions({ channels: [{ match: '*', ...rule }] })],
  ['its history', 'channels[0].history', 'maxEvents', (history) => resolveOptions(ruleWith({ history }))],
  [
    'its slowClient',
    'channels[0].slowClient',
    'latest',
    (more) => resolveOptions(ruleWith({ slowClient: latest(more) })),
  ],
  ['SseProductionsOptions', 'productions', 'deadlineMs', (productions) => resolveOptions({ productions })],
  ['SseOpenTelemetryOptions', 'openTelemetry', 'tracer', (openTelemetry) => resolveOptions({ openTelemetry })],
  ['SseInspectorOptions', 'inspector', 'guard', (inspector) => resolveOptions({ inspector })],
  ['SseRouteOptions', '', 'commit', (options) => Sse('path', options)],
  ['its buffer', 'buffer', 'overflow', (buffer) => Sse('path', { buffer })],
  ['its ping', 'ping', 'event', (ping) => Sse('path', { ping })],
  ['SseReauthorizeOptions', 'reauthorize', 'everyMs', (reauthorize) => Sse('path', { reauthorize })],
  ['SseResponseOptions', '', 'status', (options) => new SseResponse([], options)],
  ['SsePublishOptions', '', 'key', (options) => broadcaster.publish('a', 'one', options)],
  ['SseSubscribeOptions', '', 'snapshot', (options) => broadcaster.subscribe('a', options)],
  ['SseFrom', 'from', 'position', (from: object) => broadcaster.subscribe('a', { from: { time: 1, ...from } })],
  ['SseSharedSnapshot', 'snapshot', 'shareForMs', (more) => broadcaster.subscribe('a', { snapshot: loaded(more) })],
  ['SseJoinOptions', '', 'from', (options) => broadcaster.join({ user: 'ann' }, 'b', options)],
  ['that of a subscription', '', 'from', (options) => broadcaster.subscribe('a').join('b', options)],
  ['SseHistoryQuery', '', 'limit', (query) => broadcaster.history('a', query)],
  ['SseProduceOptions', '', 'errorEvent', (options) => broadcaster.produce('a', [], options)],
  ['SseBatchOptions', 'batch', 'merge', (batch) => broadcaster.produce('a', [], { batch })],
  ['SseDisconnectOptions', '', 'reason', (options) => broadcaster.disconnect({ user: 'ann' }, options)],
  ['SseCloseOptions', '', 'reason', (options) => connection.close(options)],
  ['SseQueueOptions', '', 'maxEvents', (options) => new SseQueue(options)],
  ['SseEncodeOptions', '', 'serialize', (options) => encodeEvent({ data: 'one' }, options)],
  ['that of a comment', '', 'lineEnding', (options) => encodeComment('one', options)],
  ['SseRedisOptions', '', 'prefix', (more: object) => new RedisBackplane({ url: 'redis://127.0.0.1:1', ...more })],
];

/** Parts of `SseModuleOptions`: no call takes one of them alone. */
const PARTS = [
  'SseClientEventOptions',
  'SseStreamOptions',
  'SseConnectionOptions',
  'SseRightsOptions',
  'SseChannelOptions',
  'SseStreamHooks',
];

const latest = (more: object) => ({ latest: () => 'key', ...more });
const loaded = (more: object) => ({ load: () => 'state', key: '', ...more });
const ruleWith = (settings: object) => ({ channels: [{ match: '*', ...settings }] });

describe('an option that does not exist', () => {
  beforeAll(async () => {
    running = await start(platforms[0]!, { imports: [SseModule.forRoot()], controllers: [Feeds] });
    broadcaster = running.app.get(SseBroadcaster);
    await open(running, '/feed');
  });
  afterAll(() => running.app.close());

  describe.each(CASES)('of %s', (_, path, known, use) => {
    const refusal = async (options: object): Promise<{ code?: string; message?: string }> => {
      try {
        await use(options as never);
      } catch (error) {
        return error as Error;
      }
      return {};
    };
    const place = path === '' ? '' : ` in ${path}`;

    it('is refused, with its place and the name that may be meant', async () => {
      const wrong = known.toUpperCase();
      const { code, message } = await refusal({ [wrong]: 'a secret' });
      expect(code).toBe('SSE_INVALID_OPTION');
      expect(message).toContain(`There is no option "${wrong}"${place}. Did you mean ${known}? Allowed: `);
      expect(message).not.toContain('a secret');
    });

    it.each(['__proto__', 'constructor', 'toString'])('is refused when every object has a %s', async (name) => {
      const { code, message } = await refusal(JSON.parse(`{"${name}":{}}`) as object);
      expect(code).toBe('SSE_INVALID_OPTION');
      expect(message).toContain(`There is no option "${name}"${place}. Allowed: `);
    });
  });

  it('is looked for in all objects of options that the package exports', () => {
    const report = readFileSync(new URL('../package/api-report.md', import.meta.url), 'utf8');
    const types = [...report.matchAll(/export interface (Sse\w*(?:Options|Query|Rule)|SseSharedSnapshot)\b/g)].map(
      ([, type]) => type,
    );
    expect(types.length).toBeGreaterThan(15);
    const tried = [...CASES.map(([type]) => type), ...PARTS];
    expect(types.filter((type) => !tried.includes(type!))).toEqual([]);
  });

  it('is none when its name is known and its value is undefined: that is an option that is left out', () => {
    const history = { maxEvents: undefined, maxAgeMs: undefined } as never;
    const expected = resolveOptions({}).channels.history;
    expect(resolveOptions({ history, buffer: undefined, ping: { event: undefined } }).channels.history).toEqual(
      expected,
    );
    expect(() => resolveRedisOptions({ url: 'redis://127.0.0.1:1', prefix: undefined })).not.toThrow();
  });
});
