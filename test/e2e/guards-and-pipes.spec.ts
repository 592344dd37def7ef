import 'reflect-metadata';
import {
  Body,
  Controller,
  Param,
  ParseIntPipe,
  RequestMethod,
  SetMetadata,
  UnauthorizedException,
  UseGuards,
  ValidationPipe,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Transform } from 'class-transformer';
import { IsBoolean, IsString, MinLength } from 'class-validator';
import { of } from 'rxjs';
import { Sse, SseConnections, SseModule, SseResponse } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    if (headers['authorization'] !== 'Bearer letmein') throw new UnauthorizedException('no token');
    return true;
  }
}

/** What a guard finds out about the handler that it guards. */
class ReflectingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    called(handler.name, Reflect.getMetadata('above', handler), Reflect.getMetadata('below', handler));
    return true;
  }
}

/** As `@Transactional()` and its like do. */
const Wrapped = (): MethodDecorator => (_target, _key, descriptor: PropertyDescriptor) => {
  const method = descriptor.value as (...args: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...args: unknown[]) {
    called('wrapped');
    return method.apply(this, args);
  };
};

class PromptDto {
  @IsString()
  @MinLength(3)
  @Transform(({ value }) => (value as string).toUpperCase())
  text!: string;

  @IsBoolean()
  stream!: boolean;
}

const called = jest.fn();

@Controller()
class CheckedController {
  @UseGuards(TokenGuard)
  @Sse('guarded')
  guarded() {
    called();
    return of('secret');
  }

  @Sse('closed')
  @UseGuards({ canActivate: () => false })
  closed() {
    called();
    return of('secret');
  }

  @SetMetadata('above', 1)
  @Sse('reflected')
  @SetMetadata('below', 2)
  @UseGuards(ReflectingGuard)
  reflected() {
    return of('seen');
  }

  @Sse('wrapped/:n')
  @Wrapped()
  wrapped(@Param('n', ParseIntPipe) n: number) {
    return of(n + 1);
  }

  @Sse('numbers/:count')
  async *numbers(@Param('count', ParseIntPipe) count: number) {
    called();
    for (let n = 1; n <= count; n++) yield n;
  }

  @Sse('completion', { method: RequestMethod.POST, done: '[DONE]' })
  completion(@Body(new ValidationPipe({ transform: true })) prompt: PromptDto) {
    called();
    if (!(prompt instanceof PromptDto)) throw new TypeError('not transformed');
    return prompt.stream ? prompt.text.split(' ') : SseResponse.json({ text: prompt.text });
  }
}

describe.each(platforms)('guards and pipes on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [CheckedController] });
  });
  beforeEach(() => called.mockClear());
  afterAll(() => running.app.close());

  const dataOf = async (...call: [path: string, options?: object]) =>
    (await (await open(running, ...call)).rest()).map(({ data }) => data);

  it('answers 401 when a guard says so, without calling the handler', async () => {
    await request(running).get('/guarded').expect(401, { statusCode: 401, message: 'no token', error: 'Unauthorized' });
    expect(called).not.toHaveBeenCalled();
    expect(running.app.get(SseConnections).opened).toBe(0);
  });

  it('answers 403 when a guard returns false', async () => {
    await request(running).get('/closed').expect(403);
    expect(called).not.toHaveBeenCalled();
  });

  it('streams when the guard lets the request through', async () => {
    expect(await dataOf('/guarded', { headers: { authorization: 'Bearer letmein' } })).toEqual(['secret']);
  });

  it('shows a guard the handler with its name and what decorators above and below have said of it', async () => {
    expect(await dataOf('/reflected')).toEqual(['seen']);
    expect(called.mock.calls).toEqual([['reflected', 1, 2]]);
  });

  it('streams from a method that another decorator has wrapped', async () => {
    expect(await dataOf('/wrapped/1')).toEqual(['2']);
    expect(called.mock.calls).toEqual([['wrapped']]);
  });

  it('answers 400 when a pipe refuses a parameter, without calling the handler', async () => {
    await request(running).get('/numbers/many').expect(400);
    expect(called).not.toHaveBeenCalled();
    expect([...running.app.get(SseConnections)]).toEqual([]);
  });

  it('hands on what a pipe made of a parameter', async () => {
    expect(await dataOf('/numbers/3')).toEqual(['1', '2', '3']);
  });

  it('answers 400 with what is wrong when a POST has an invalid body', async () => {
    const { body } = await request(running).post('/completion').send({ text: 'hi', stream: 'yes' }).expect(400);
    expect(body.message).toEqual([
      'text must be longer than or equal to 3 characters',
      'stream must be a boolean value',
    ]);
    expect(called).not.toHaveBeenCalled();
  });

  it('streams, with status 200, or answers JSON on the same POST route, as its body asks for', async () => {
    const body = { text: 'hello world', stream: true };
    const client = await open(running, '/completion', { method: 'POST', body });
    expect(client.status).toBe(200);
    expect((await client.rest()).map(({ data }) => data)).toEqual(['HELLO', 'WORLD', '[DONE]']);

    const { headers } = await request(running)
      .post('/completion')
      .send({ ...body, stream: false })
      .expect(200, { text: 'HELLO WORLD' });
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('is subject to a global guard', async () => {
    const guarded = await start(platform, {
      imports: [SseModule.forRoot()],
      controllers: [CheckedController],
      providers: [{ provide: APP_GUARD, useClass: TokenGuard }],
    });
    await request(guarded).get('/numbers/1').expect(401);
    await guarded.app.close();
  });
});
