import 'reflect-metadata';
import { ConsoleLogger, Controller, Logger } from '@nestjs/common';
import { inspect } from 'node:util';
import { concat, of } from 'rxjs';
import { Sse, SseBroadcaster, SseModule } from '../../lib/index.js';
import { resolveRedisOptions } from '../../lib/redis/redis-backplane-options.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { open } from '../support/client.js';
import { platforms, start } from '../support/platforms.js';

const url = 'redis://app:hunter2@localhost:1';

/** Each of them is refused, and holds what must not be read in a log. */
@Controller()
class RefusedController {
  @Sse('text', { serialize: () => undefined as never }) text() {
    return concat(of('a'), of({ data: { password: 'hunter2' } }));
  }
  @Sse('binary') binary() {
    return concat(of('a'), of({ data: Buffer.from('hunter2') }));
  }
  @Sse('row') row() {
    return concat(of('a'), of({ id: 1, password: 'hunter2' }));
  }
  @Sse('symbol') symbol() {
    return concat(of('a'), of({ data: Symbol('hunter2') }));
  }
  @Sse('circle') circle() {
    const data: Record<string, unknown> = { password: 'hunter2' };
    data.self = data;
    return concat(of('a'), of({ data }));
  }
}

/** What Nest's own logger writes while `work` runs. */
async function written(logger: ConsoleLogger, work: () => unknown): Promise<string> {
  const lines: string[] = [];
  const spies = [process.stdout, process.stderr].map((stream) =>
    jest.spyOn(stream, 'write').mockImplementation((chunk) => lines.push(String(chunk)) > 0),
  );
  Logger.overrideLogger(logger);
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
    Logger.overrideLogger(false);
  }
  return lines.join('');
}

const loggers: [string, () => ConsoleLogger][] = [
  ['text', () => new ConsoleLogger({ colors: false })],
  ['JSON', () => new ConsoleLogger({ json: true, colors: false })],
];

describe.each(platforms)('refused event data on $name', (platform) => {
  it.each(loggers)('is in no log, as %s', async (_, makeLogger) => {
    const running = await start(platform, { imports: [SseModule.forRoot()], controllers: [RefusedController] });
    for (const path of ['text', 'binary', 'row', 'symbol', 'circle']) {
      const log = await written(makeLogger(), async () => (await open(running, `/${path}`)).rest());
      expect([path, log]).toEqual([path, expect.stringMatching(/SSE_(INVALID|UNSERIALIZABLE)_(DATA|EVENT)/)]);
      expect([path, log]).toEqual([path, expect.not.stringContaining('hunter2')]);
    }
    await running.app.close();
  });
});

describe('the password of a backplane', () => {
  const seen = (value: unknown) => `${inspect(value, { depth: Infinity })} ${JSON.stringify(value)} ${String(value)}`;

  it('is not seen in the backplane, nor in what refers to it', () => {
    const backplane = new RedisBackplane({ url });
    expect(seen(backplane)).not.toContain('hunter2');
    expect(seen({ imports: [{ backplane }] })).toContain('RedisBackplane');
    const broadcaster = Object.assign(Object.create(SseBroadcaster.prototype) as object, { backplane });
    expect(inspect(broadcaster, { depth: Infinity })).not.toContain('hunter2');
  });

  it.each<[string, object]>([
    ['a url of another kind', { url: 'http://app:hunter2@localhost' }],
    ['a url without its scheme', { url: 'app:hunter2@localhost' }],
    ['a url that cannot be parsed', { url: 'redis://app:hunter2@local host:port' }],
    ['url and client', { url, client: {} }],
    ['a client that is none', { client: { url } }],
    ['an option that there is not', { uri: url }],
    ['an option of every object', { constructor: url }],
  ])('is not in the error for %s', async (_, options) => {
    let error: unknown;
    try {
      resolveRedisOptions(options);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'SSE_INVALID_OPTION' });
    expect(seen(error)).not.toContain('hunter2');
    for (const [, makeLogger] of loggers) {
      const log = await written(makeLogger(), () => new Logger('App').error(error));
      expect(log).toContain('SSE_INVALID_OPTION');
      expect(log).not.toContain('hunter2');
    }
  });
});
