import 'reflect-metadata';
import {
  BadRequestException,
  Catch,
  Controller,
  HttpException,
  NotFoundException,
  UseFilters,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { concat, of, throwError } from 'rxjs';
import { Sse, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

class DatabaseError extends Error {}

/** Answers by the platform's own means, as most filters do. */
function answer(host: ArgumentsHost, status: number, body: object): void {
  const response = host.switchToHttp().getResponse<{
    status(code: number): { json?(body: object): void; send(body: object): void };
  }>();
  response.status(status).send(body);
}

const seen: unknown[] = [];

@Catch(NotFoundException)
class MethodFilter implements ExceptionFilter {
  catch(exception: NotFoundException, host: ArgumentsHost): void {
    seen.push(exception);
    answer(host, 404, { by: 'method' });
  }
}

@Catch(BadRequestException)
class ControllerFilter implements ExceptionFilter {
  catch(exception: BadRequestException, host: ArgumentsHost): void {
    seen.push(exception);
    answer(host, 400, { by: 'controller' });
  }
}

@Catch(DatabaseError)
class AppFilter implements ExceptionFilter {
  constructor(private readonly adapter: HttpAdapterHost) {}

  catch(exception: DatabaseError, host: ArgumentsHost): void {
    seen.push(exception);
    this.adapter.httpAdapter.reply(host.switchToHttp().getResponse(), { by: 'app' }, 503);
  }
}

@Catch(HttpException)
class GlobalFilter extends BaseExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    seen.push(exception);
    super.catch(exception, host);
  }
}

@Controller()
@UseFilters(ControllerFilter)
class FailingController {
  @UseFilters(MethodFilter)
  @Sse('method')
  method() {
    return throwError(() => new NotFoundException());
  }

  @Sse('method-below')
  @UseFilters(MethodFilter)
  async methodBelow() {
    throw new NotFoundException();
  }

  @Sse('controller')
  controller(): unknown {
    throw new BadRequestException();
  }

  @Sse('app')
  async *app() {
    throw new DatabaseError();
    yield 'never';
  }

  @Sse('global')
  global() {
    return throwError(() => new HttpException('teapot', 418));
  }

  @UseFilters(MethodFilter)
  @Sse('after')
  after() {
    return concat(
      of('one'),
      throwError(() => new NotFoundException('gone')),
    );
  }
}

describe.each(platforms)('exception filters on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(
      platform,
      {
        imports: [SseModule.forRoot()],
        controllers: [FailingController],
        providers: [
          {
            provide: APP_FILTER,
            useFactory: (host: HttpAdapterHost) => new AppFilter(host),
            inject: [HttpAdapterHost],
          },
        ],
      },
      (app) => app.useGlobalFilters(new GlobalFilter(app.getHttpAdapter())),
    );
  });
  beforeEach(() => void seen.splice(0));
  afterAll(() => running.app.close());

  it.each([
    ['the method', '/method', 404, { by: 'method' }],
    ['the method, below @Sse()', '/method-below', 404, { by: 'method' }],
    ['the controller', '/controller', 400, { by: 'controller' }],
    ['APP_FILTER', '/app', 503, { by: 'app' }],
    ['the application', '/global', 418, { statusCode: 418, message: 'teapot' }],
  ])('of %s answer what fails before the headers', async (_, path, status, body) => {
    const response = await request(running).get(path).expect(status, body);
    expect(seen).toHaveLength(1);
    // Nothing of the event stream that never was.
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expect(response.headers).not.toHaveProperty('x-accel-buffering');
  });

  it('are not asked about what fails after the headers, which is an event', async () => {
    const client = await open(running, '/after');
    expect(client.status).toBe(200);
    expect((await client.rest()).map(({ event, data }) => [event, data])).toEqual([
      [undefined, 'one'],
      ['error', 'gone'],
    ]);
    expect(seen).toEqual([]);
  });
});
