import 'reflect-metadata';
import {
  ClassSerializerInterceptor,
  Controller,
  ForbiddenException,
  HttpException,
  UseInterceptors,
  type NestInterceptor,
} from '@nestjs/common';
import { Exclude } from 'class-transformer';
import { of, throwError } from 'rxjs';
import { map, retry } from 'rxjs/operators';
import { Sse, SseModule, SseResponse } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { intercept } from '../support/intercept.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const facts = new Facts();

class User {
  name = 'Ada';
  @Exclude() password = '1234';
}

@Controller()
class BelowController {
  private attempts = 0;

  @UseInterceptors(intercept(map((event) => ({ type: 'mapped', data: event }))))
  @Sse('observable')
  observable() {
    return of('a', 'b');
  }

  @UseInterceptors(intercept(map((event) => ({ type: 'mapped', data: event }))))
  @Sse('promised')
  async promised() {
    return of('a', 'b');
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('users')
  users() {
    return of({ data: new User() });
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('generator')
  async *generator() {
    yield 'a';
    yield 'b';
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('response')
  response() {
    return new SseResponse(['a', 'b'], { done: 'bye' });
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('json')
  json() {
    return SseResponse.json(new User(), 203);
  }

  @UseInterceptors(
    intercept(
      map((value) => {
        if (value === 'b') throw new ForbiddenException('no b');
        return value;
      }),
    ),
  )
  @Sse('failing/:first')
  failing() {
    return of('a', 'b');
  }

  @UseInterceptors({ intercept: () => of(['cached']) } as NestInterceptor)
  @Sse('cached')
  cached() {
    facts.tell('handler called');
    return ['fresh'];
  }

  @UseInterceptors({ intercept: () => throwError(() => new ForbiddenException()) } as NestInterceptor)
  @Sse('forbidden')
  forbidden() {
    facts.tell('handler called');
    return ['fresh'];
  }

  @UseInterceptors(intercept(retry(2)))
  @Sse('retried')
  retried() {
    return this.flaky();
  }

  private flaky() {
    this.attempts++;
    return this.attempts % 3 === 0 ? of(this.attempts) : throwError(() => new HttpException('flaky', 503));
  }
}

describe.each(platforms)('interceptors below, on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [BelowController] });
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  const dataOf = async (path: string) => (await (await open(running, path)).rest()).map(({ data }) => data);

  it.each(['observable', 'promised'])('maps each event of an Observable: %s', async (path) => {
    const events = await (await open(running, `/${path}`)).rest();
    expect(events.map(({ event, data }) => [event, data])).toEqual([
      ['mapped', 'a'],
      ['mapped', 'b'],
    ]);
  });

  it('hides what ClassSerializerInterceptor hides from each event of an Observable', async () => {
    expect(await dataOf('/users')).toEqual(['{"name":"Ada"}']);
  });

  it('leaves other sources alone', async () => {
    expect(await dataOf('/generator')).toEqual(['a', 'b']);
    expect(await dataOf('/response')).toEqual(['a', 'b', 'bye']);
  });

  it('maps SseResponse.json()', () => request(running).get('/json').expect(203, { name: 'Ada' }));

  it('fails the stream when it fails', async () => {
    const events = await (await open(running, '/failing/a')).rest();
    expect(events.map(({ event, data }) => [event, data])).toEqual([
      [undefined, 'a'],
      ['error', 'no b'],
    ]);
  });

  it('may run the handler again when it failed', async () => {
    expect(await dataOf('/retried')).toEqual(['3']);
  });

  it('may answer in place of the handler', async () => {
    expect(await dataOf('/cached')).toEqual(['cached']);
    await request(running).get('/forbidden').expect(403);
    expect(facts.told).toEqual([]);
  });
});
