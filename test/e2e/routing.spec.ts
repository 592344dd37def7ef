import 'reflect-metadata';
import {
  Body,
  Controller,
  Get,
  Param,
  Query,
  RequestMethod,
  Version,
  VersioningType,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { lastValueFrom, of, type Observable } from 'rxjs';
import { LastEventId, Sse, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

@Controller('several')
class SeveralController {
  @Sse() index() {
    return of('index');
  }

  @Sse('one') one() {
    return of('one');
  }

  @Sse(['two', 'deux/:n']) two(@Param('n') n?: string) {
    return of(`two ${n}`);
  }

  @Get('one/json') json() {
    return { plain: true };
  }

  @Sse('posted', { method: RequestMethod.POST }) posted(@Body() body: unknown) {
    return of({ data: body });
  }

  @Sse('put', { method: RequestMethod.PUT }) put() {
    return of('put');
  }

  @Sse('all', { method: RequestMethod.ALL }) all() {
    return of('all');
  }

  /** Arguments by decorators of all kinds, an undecorated one, and one with a default, which `length` does not count. */
  @Sse('arguments/:a') arguments(
    @LastEventId() id: string,
    @Param('a') a: string,
    @Query('b') b = 'default',
    c?: unknown,
  ) {
    return of({ data: [id, a, b, c] });
  }
}

class BaseController {
  protected greeting = 'hello';

  @Sse('inherited/:name') inherited(@Param('name') name: string) {
    return of(`${this.greeting} ${name}`);
  }

  @Sse('overridden/:name') overridden(@Param('name') name: string): unknown {
    return of(`base ${name}`);
  }

  @Sse('silenced') silenced() {
    return of('never');
  }
}

@Controller('derived')
class DerivedController extends BaseController {
  protected override greeting = 'hi';

  @Sse('overridden/:name', { done: 'bye' })
  override async *overridden(@Param('name') name: string, @Query('loud') loud?: string) {
    yield `derived ${loud ? name.toUpperCase() : name}`;
    yield await lastValueFrom(super.overridden(name) as Observable<string>);
  }

  override silenced() {
    return of('not a route');
  }
}

@Controller('other')
class OtherController extends BaseController {}

@Controller('versioned')
class VersionedController {
  @Version('1') @Sse() first() {
    return of('v1');
  }

  @Sse() @Version(['2', '3']) second() {
    return of('v2');
  }
}

const allControllers = [SeveralController, DerivedController, OtherController];

describe.each(platforms)('routes on $name', (platform) => {
  let running: Running;

  const use = async (configure?: (app: INestApplication) => unknown, controllers: Type[] = allControllers) => {
    running = await start(
      platform,
      {
        imports: [SseModule.forRoot()],
        controllers,
      },
      configure,
    );
  };
  afterEach(() => running.app.close());

  const dataOf = async (path: string, options?: object) =>
    (await (await open(running, path, options)).rest()).map(({ data }) => data);

  it('may be several in one controller, beside others, each with several paths', async () => {
    await use();
    expect(await dataOf('/several')).toEqual(['index']);
    expect(await dataOf('/several/one')).toEqual(['one']);
    expect(await dataOf('/several/two')).toEqual(['two undefined']);
    expect(await dataOf('/several/deux/2')).toEqual(['two 2']);
    await request(running).get('/several/one/json').expect(200, { plain: true });
  });

  it('have the method that they ask for', async () => {
    await use();
    expect(await dataOf('/several/posted', { method: 'POST', body: { a: 1 } })).toEqual(['{"a":1}']);
    expect(await dataOf('/several/put', { method: 'PUT' })).toEqual(['put']);
    expect(await dataOf('/several/all', { method: 'DELETE' })).toEqual(['all']);
    await request(running).get('/several/posted').expect(404);
    await request(running).post('/several/one').expect(404);
  });

  it('get their arguments, and no others', async () => {
    await use();
    const headers = { 'last-event-id': '7' };
    expect(await dataOf('/several/arguments/x', { headers })).toEqual(['["7","x","default",null]']);
    expect(await dataOf('/several/arguments/x?b=y', { headers })).toEqual(['["7","x","y",null]']);
  });

  it('are inherited from a base class', async () => {
    await use();
    expect(await dataOf('/derived/inherited/you')).toEqual(['hi you']);
    expect(await dataOf('/other/inherited/you')).toEqual(['hello you']);
  });

  it('may be overridden, with other arguments and options, and call the method of the base class', async () => {
    await use();
    expect(await dataOf('/derived/overridden/you?loud=1')).toEqual(['derived YOU', 'base you', 'bye']);
    expect(await dataOf('/other/overridden/you')).toEqual(['base you']);
  });

  it('are no routes when overridden without @Sse(), as with every decorator of Nest', async () => {
    await use();
    await request(running).get('/derived/silenced').expect(404);
  });

  it('are under the global prefix', async () => {
    await use((app) => app.setGlobalPrefix('api'));
    expect(await dataOf('/api/several/one')).toEqual(['one']);
    await request(running).get('/several/one').expect(404);
  });

  it('are versioned by URI', async () => {
    await use((app) => app.enableVersioning({ type: VersioningType.URI }), [VersionedController]);
    expect(await dataOf('/v1/versioned')).toEqual(['v1']);
    expect(await dataOf('/v2/versioned')).toEqual(['v2']);
    expect(await dataOf('/v3/versioned')).toEqual(['v2']);
  });

  it('are versioned by a header', async () => {
    await use(
      (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }),
      [VersionedController],
    );
    expect(await dataOf('/versioned', { headers: { 'x-version': '1' } })).toEqual(['v1']);
    expect(await dataOf('/versioned', { headers: { 'x-version': '3' } })).toEqual(['v2']);
  });
});
