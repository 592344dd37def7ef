import 'reflect-metadata';
import { Controller, Inject, Injectable, Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { of } from 'rxjs';
import {
  Sse,
  SseConnections,
  SseModule,
  SsePingService,
  SseShutdownService,
  SseSignal,
  type SseModuleOptions,
  type SseOptionsFactory,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

@Controller()
class FeedController {
  @Sse() feed() {
    return of('hi');
  }
}

@Module({ providers: [{ provide: 'RETRY', useValue: 42 }], exports: ['RETRY'] })
class ConfigModule {}

@Injectable()
class ConfigService implements SseOptionsFactory {
  constructor(@Inject('RETRY') private readonly retryMs: number) {}

  createSseOptions(): SseModuleOptions {
    return { retryMs: this.retryMs };
  }
}

@Module({ imports: [ConfigModule], providers: [ConfigService], exports: [ConfigService] })
class ConfigServiceModule {}

function featureWith(imported: DynamicModule): DynamicModule {
  class FeatureModule {}
  return { module: FeatureModule, imports: [imported] };
}

describe.each(platforms)('SseModule on $name', (platform) => {
  const retryOf = async (metadata: ModuleMetadata) => {
    const running: Running = await start(platform, { controllers: [FeedController], ...metadata });
    const client = await open(running, '/');
    expect(await client.rest()).toMatchObject([{ data: 'hi' }]);
    await running.app.close();
    return client.retry;
  };

  it('needs no options', async () => {
    expect(await retryOf({ imports: [SseModule.forRoot()] })).toBeUndefined();
  });

  it('takes options', async () => {
    expect(await retryOf({ imports: [SseModule.forRoot({ retryMs: 42 })] })).toBe(42);
  });

  it('takes options from a factory with what it injects from imports', async () => {
    const module = SseModule.forRootAsync({
      imports: [ConfigModule],
      inject: ['RETRY'],
      useFactory: async (retryMs: number) => ({ retryMs }),
    });
    expect(await retryOf({ imports: [module] })).toBe(42);
  });

  it('takes options from a class that it makes', async () => {
    const module = SseModule.forRootAsync({ imports: [ConfigModule], useClass: ConfigService });
    expect(await retryOf({ imports: [module] })).toBe(42);
  });

  it('takes options from a provider that exists', async () => {
    const module = SseModule.forRootAsync({ imports: [ConfigServiceModule], useExisting: ConfigService });
    expect(await retryOf({ imports: [module] })).toBe(42);
  });

  it('is global by default', async () => {
    @Module({ controllers: [FeedController] })
    class FeatureModule {}
    expect(await retryOf({ imports: [SseModule.forRoot({ retryMs: 42 }), FeatureModule], controllers: [] })).toBe(42);
  });

  it.each([
    ['forRoot', () => SseModule.forRoot({ isGlobal: false, retryMs: 42 })],
    ['forRootAsync', () => SseModule.forRootAsync({ isGlobal: false, useFactory: () => ({ retryMs: 42 }) })],
  ])('reaches only the modules that import it when it is not global: %s', async (_, make) => {
    const module = make();
    @Module({ imports: [module], controllers: [FeedController] })
    class FeatureModule {}
    @Module({ controllers: [FeedController] })
    class OtherModule {}
    expect(await retryOf({ imports: [FeatureModule], controllers: [] })).toBe(42);
    await expect(retryOf({ imports: [module, OtherModule], controllers: [] })).rejects.toMatchObject({
      code: 'SSE_NOT_CONFIGURED',
    });
  });
});

describe('SseModule, when the application starts', () => {
  const compile = (metadata: ModuleMetadata) => Test.createTestingModule(metadata).compile();

  it('says what is missing when nobody imports it, when the application starts', async () => {
    const module = await compile({ controllers: [FeedController] });
    await expect(module.createNestApplication({ logger: false }).init()).rejects.toMatchObject({
      code: 'SSE_NOT_CONFIGURED',
      message: '@Sse() needs SseModule.forRoot() in the imports of a module of this application.',
    });
  });

  it('need not be there for a unit test of a controller, whose methods return what they return', async () => {
    const returned = of('hi');
    @Controller()
    class TestedController {
      @Sse() feed(@SseSignal() signal: AbortSignal) {
        return signal.aborted ? null : returned;
      }
    }
    const controller = (await compile({ controllers: [TestedController] })).get(TestedController);
    expect(controller.feed(new AbortController().signal)).toBe(returned);
    expect(controller.feed(AbortSignal.abort())).toBeNull();
  });

  it('gives what is injected', async () => {
    const module = await compile({ imports: [SseModule.forRoot()] });
    expect(module.get(SseConnections).size).toBe(0);
    expect(module.get(SsePingService).sent).toBe(0);
    expect(module.get(SseShutdownService).isClosing).toBe(false);
  });

  it.each<[SseModuleOptions | Record<string, unknown>, string]>([
    [{ retryMs: -1 }, 'The option retryMs is -1. Allowed: a whole number from 0 to 2147483647.'],
    [{ retryMs: 1.5 }, 'The option retryMs is 1.5. Allowed: a whole number from 0 to 2147483647.'],
    [{ writeTimeoutMs: 0 }, 'The option writeTimeoutMs is 0. Allowed: a whole number from 1 to 2147483647.'],
    [{ lineEnding: '\n\r' }, 'The option lineEnding is "\\n\\r". Allowed: "\\n", "\\r\\n", "\\r".'],
    [{ serialize: 'json' }, 'The option serialize is "json". Allowed: a function.'],
    [
      { buffer: { maxBytes: 0 } },
      'The option buffer.maxBytes is 0. Allowed: a whole number from 1 to 9007199254740991.',
    ],
    [{ buffer: { overflow: 'wait' } }, /^The option buffer\.overflow is "wait"\. Allowed: "disconnect", / as never],
    [
      { ping: { intervalMs: '15s' } },
      'The option ping.intervalMs is "15s". Allowed: a whole number from 1 to 2147483647.',
    ],
    [{ shutdown: 5 }, 'The option shutdown is 5. Allowed: an object.'],
    [{ buffer: 5 }, 'The option buffer is 5. Allowed: an object.'],
    [{ ping: true }, 'The option ping is true. Allowed: an object.'],
    [{ shutdown: { gracePeriodMs: null } }, /^The option shutdown\.gracePeriodMs is null\. / as never],
    [
      { shutdown: { retryMs: { min: 2, max: 1 } } },
      /^The option shutdown\.retryMs\.max is 1\. Allowed: a whole number from 2 / as never,
    ],
    [
      { headers: { 'X Y': '1' } },
      'The option headers["X Y"] is a string of 1 character. Allowed: a valid header name and value (RFC 9110 §5).',
    ],
    [{ headers: { 'X-Y': 'a\nb' } }, /^The option headers\["X-Y"\] is a string of 3 characters\. / as never],
    [{ errorEvent: {} }, /^The option errorEvent is \{  \}\. Allowed: a function, or null for no event\./ as never],
    [
      { retry: 5 },
      /^There is no option "retry"\. Did you mean retryMs\? Allowed: lineEnding, serialize, retryMs, / as never,
    ],
  ])('names the option, the value and the range of %j', async (options, message) => {
    const expected = {
      code: 'SSE_INVALID_OPTION',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    };
    await expect(compile({ imports: [SseModule.forRoot(options)] })).rejects.toMatchObject(expected);
    await expect(compile({ imports: [SseModule.forRootAsync({ useFactory: () => options })] })).rejects.toMatchObject(
      expected,
    );
  });

  it.each<[string, () => ModuleMetadata['imports']]>([
    ['forRoot() twice', () => [SseModule.forRoot(), SseModule.forRoot()]],
    ['one of them in a feature', () => [SseModule.forRoot({ retryMs: 1 }), featureWith(SseModule.forRoot())]],
    ['forRootAsync() too', () => [SseModule.forRoot(), SseModule.forRootAsync({ useFactory: () => ({}) })]],
    ['none is global', () => [1, 2].map(() => featureWith(SseModule.forRoot({ isGlobal: false })))],
  ])('is refused when it is there twice, each with channels of its own: %s', async (_, imports) => {
    await expect(compile({ imports: imports() })).rejects.toMatchObject({
      code: 'SSE_CONFIGURED_TWICE',
      message: expect.stringMatching(/is called 2 times in this application\. Call it once, in the root module/),
    });
  });

  it('may be imported in several modules when it was made once', async () => {
    const once = SseModule.forRoot({ isGlobal: false });
    const module = await compile({ imports: [featureWith(once), featureWith(once), once] });
    expect(module.get(SseConnections).size).toBe(0);
  });

  it('takes what is there and undefined for what is left out', async () => {
    const options: SseModuleOptions = {
      retryMs: undefined,
      ping: { intervalMs: undefined },
      shutdown: { gracePeriodMs: undefined, retryMs: undefined, farewell: undefined },
    };
    await compile({ imports: [SseModule.forRoot(options)] });
  });

  it('says what forRootAsync() needs', () => {
    expect(() => SseModule.forRootAsync({})).toThrow('Allowed: one of useFactory, useClass, useExisting.');
  });

  it.each<[object, string]>([
    [{ retryMs: -1 }, 'The option retryMs is -1.'],
    [{ commit: 'later' }, 'The option commit is "later". Allowed: "immediately", "firstEvent".'],
    [{ done: 1 }, 'The option done is 1. Allowed: a string.'],
    [{ ping: { intervalMs: 0 } }, 'The option ping.intervalMs is 0.'],
  ])('says so, even before, when a route has bad options: %j', (options, message) => {
    expect(() => {
      class BadController {
        @Sse('bad', options) bad() {}
      }
      return BadController;
    }).toThrow(message);
  });
});
