import 'reflect-metadata';
import { Controller, ForbiddenException, HttpException, Logger } from '@nestjs/common';
import { concat, of, throwError } from 'rxjs';
import { Sse, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

const teapot = () => new HttpException('I am a teapot', 418);

@Controller()
class ErrorEvents {
  @Sse('module') module() {
    return concat(of('one'), throwError(teapot));
  }
  @Sse('null', { errorEvent: () => null }) null() {
    return this.module();
  }
  @Sse('throws', {
    errorEvent: () => {
      throw new ForbiddenException('broken');
    },
  })
  throws() {
    return this.module();
  }
  @Sse('unsendable', { errorEvent: () => ({ type: 'a\nb' }) }) unsendable() {
    return this.module();
  }
}

describe.each(platforms)('errorEvent on $name', (platform) => {
  let running: Running;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeAll(async () => {
    const errorEvent = (error: unknown) => ({ type: 'sorry', data: { text: (error as Error).message } });
    running = await start(platform, { imports: [SseModule.forRoot({ errorEvent })], controllers: [ErrorEvents] });
  });
  beforeEach(() => logged.mockClear());
  afterAll(() => running.app.close());

  const restOf = async (path: string) =>
    (await (await open(running, path)).rest()).map(({ event, data }) => [event, data]);

  it('makes the last event of a stream that fails', async () => {
    expect(await restOf('/module')).toEqual([
      [undefined, 'one'],
      ['sorry', '{"text":"I am a teapot"}'],
    ]);
  });

  it('makes none when it says null', async () => {
    expect(await restOf('/null')).toEqual([[undefined, 'one']]);
    expect(logged).toHaveBeenCalledTimes(1);
  });

  it.each(['/throws', '/unsendable'])('is logged when it fails itself, and the stream ends: %s', async (path) => {
    expect(await restOf(path)).toEqual([[undefined, 'one']]);
    expect(logged).toHaveBeenCalledTimes(2);
  });
});
