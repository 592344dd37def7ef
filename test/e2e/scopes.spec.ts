import 'reflect-metadata';
import {
  Controller,
  Inject,
  Injectable,
  Module,
  Scope,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import {
  ContextIdFactory,
  REQUEST,
  type ContextId,
  type ContextIdStrategy,
  type HostComponentInfo,
} from '@nestjs/core';
import { AsyncLocalStorage } from 'node:async_hooks';
import { defer, of } from 'rxjs';
import { Sse, SseConnections, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

interface HasHeaders {
  readonly headers: Record<string, string>;
}

@Injectable({ scope: Scope.REQUEST })
class RequestId {
  constructor(@Inject(REQUEST) private readonly request: HasHeaders) {}

  get value(): string | undefined {
    return this.request.headers['x-request-id'];
  }
}

let tenantsMade = 0;

@Injectable({ scope: Scope.REQUEST, durable: true })
class Tenant {
  readonly number = ++tenantsMade;
  constructor(@Inject(REQUEST) private readonly payload: { tenant: string }) {}

  get name(): string {
    return this.payload.tenant;
  }
}

@Controller('scoped')
class ScopedController {
  constructor(private readonly requestId: RequestId) {}

  @Sse('request') async *request() {
    yield this.requestId.value;
    await new Promise(setImmediate);
    yield this.requestId.value;
  }
}

@Controller('tenant')
class TenantController {
  constructor(private readonly tenant: Tenant) {}

  @Sse() tell() {
    return of(`${this.tenant.name} ${this.tenant.number}`);
  }
}

/** One context per tenant, as in Nest's documentation of durable providers. */
class TenantStrategy implements ContextIdStrategy {
  private readonly contexts = new Map<string, ContextId>();

  attach(contextId: ContextId, request: HasHeaders) {
    const tenant = request.headers['x-tenant'];
    if (!tenant) return () => contextId;
    const tenantId = this.contexts.get(tenant) ?? ContextIdFactory.create();
    this.contexts.set(tenant, tenantId);
    return { resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tenantId : contextId), payload: { tenant } };
  }
}

const storage = new AsyncLocalStorage<string>();

@Injectable()
class StorageInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const { headers } = context.switchToHttp().getRequest<HasHeaders>();
    return storage.run(`interceptor ${headers['x-request-id']}`, () => next.handle());
  }
}

@Controller('storage')
class StorageController {
  @Sse('handler') handler() {
    return [storage.getStore()];
  }

  @Sse('async') async async() {
    await new Promise(setImmediate);
    return [storage.getStore()];
  }

  @Sse('generator') *generator() {
    yield storage.getStore();
  }

  @Sse('async-generator') async *asyncGenerator() {
    yield storage.getStore();
    await new Promise((resolve) => setTimeout(resolve, 2));
    yield storage.getStore();
  }

  @Sse('observable') observable() {
    return defer(() => of(storage.getStore()));
  }
}

describe.each(platforms)('scopes on $name', (platform) => {
  let running: Running;
  afterEach(() => running.app.close());

  const dataOf = async (path: string, headers: Record<string, string>, { url, http2 } = running) =>
    (await (await open({ url, http2 }, path, { headers })).rest()).map(({ data }) => data);

  it('inject request-scoped providers, for as long as the stream lives', async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot()],
      controllers: [ScopedController],
      providers: [RequestId],
    });
    const [first, second] = await Promise.all(
      ['1', '2'].map((id) => dataOf('/scoped/request', { 'x-request-id': id })),
    );
    expect(first).toEqual(['1', '1']);
    expect(second).toEqual(['2', '2']);
  });

  it('inject durable providers, one for each tenant', async () => {
    ContextIdFactory.apply(new TenantStrategy());
    const before = tenantsMade;
    running = await start(platform, {
      imports: [SseModule.forRoot()],
      controllers: [TenantController],
      providers: [Tenant],
    });
    expect(await dataOf('/tenant', { 'x-tenant': 'a' })).toEqual([`a ${before + 1}`]);
    expect(await dataOf('/tenant', { 'x-tenant': 'a' })).toEqual([`a ${before + 1}`]);
    expect(await dataOf('/tenant', { 'x-tenant': 'b' })).toEqual([`b ${before + 2}`]);
  });

  describe.each(['/handler', '/async', '/generator', '/async-generator', '/observable'])(
    'AsyncLocalStorage in %s',
    (path) => {
      const metadata = { imports: [SseModule.forRoot()], controllers: [StorageController] };

      it('has what a middleware has put there', async () => {
        running = await start(platform, metadata, (app: INestApplication) =>
          app.use((request: HasHeaders, _: unknown, next: () => void) =>
            storage.run(`middleware ${request.headers['x-request-id']}`, next),
          ),
        );
        const data = await dataOf(`/storage${path}`, { 'x-request-id': '7' });
        expect(new Set(data)).toEqual(new Set(['middleware 7']));
      });

      it('has what an interceptor has put there', async () => {
        running = await start(platform, metadata, (app: INestApplication) =>
          app.useGlobalInterceptors(new StorageInterceptor()),
        );
        const data = await dataOf(`/storage${path}`, { 'x-request-id': '7' });
        expect(new Set(data)).toEqual(new Set(['interceptor 7']));
      });
    },
  );

  it('of two applications in one process do not meet', async () => {
    @Controller()
    class NameController {
      constructor(@Inject('NAME') private readonly name: string) {}

      @Sse() tell() {
        return of(this.name);
      }

      @Sse('forever') async *forever() {
        yield this.name;
        await new Promise(() => {});
      }
    }
    const startNamed = (name: string) => {
      @Module({
        imports: [SseModule.forRoot({ retryMs: name.length })],
        controllers: [NameController],
        providers: [{ provide: 'NAME', useValue: name }],
      })
      class NamedModule {}
      return start(platform, { imports: [NamedModule] });
    };
    running = await startNamed('one');
    const other = await startNamed('three');

    const client = await open(running, '/forever');
    const doomed = await open(other, '/forever');
    await Promise.all([client.event(), doomed.event()]);
    expect([client.retry, doomed.retry]).toEqual([3, 5]);
    expect([running, other].map(({ app }) => app.get(SseConnections).size)).toEqual([1, 1]);

    const [rest] = await Promise.all([doomed.rest(), other.app.close()]);
    expect(rest).toEqual([]);
    expect(running.app.get(SseConnections).size).toBe(1);
    expect(await dataOf('/', {})).toEqual(['one']);
    client.leave();
  });
});
