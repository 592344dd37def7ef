import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { Sse, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start } from '../support/platforms.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

@Controller()
class Streams {
  @Sse('three/:id') three() {
    return [1, 2, 3];
  }
  @Sse('nothing') nothing() {
    return null;
  }
}

describe.each(platforms)('onOpen and onClose on $name', (platform) => {
  const facts = new Facts();
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeEach(() => {
    facts.forget();
    logged.mockClear();
  });

  const served = async (options: SseModuleOptions, paths: string[]) => {
    const running = await start(platform, { imports: [SseModule.forRoot(options)], controllers: [Streams] });
    for (const path of paths) {
      if (path === '/nothing') await request(running).get(path).expect(204);
      else expect((await (await open(running, path)).rest()).map(({ data }) => data)).toEqual(['1', '2', '3']);
    }
    return running;
  };

  it('are told of each stream, and of no other request', async () => {
    const onOpen: SseModuleOptions['onOpen'] = ({ route }) => facts.tell(`opened ${route}`);
    const onClose: SseModuleOptions['onClose'] = ({ route }, { code }) => facts.tell(`closed ${route} ${code}`);
    const running = await served({ onOpen, onClose }, ['/nothing', '/three/7']);
    await facts.until('closed /three/:id source_completed');
    expect(facts.told).toEqual(['opened /three/:id', 'closed /three/:id source_completed']);
    await running.app.close();
  });

  it('break nothing when they throw or reject, and are logged', async () => {
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')];
    const onOpen = () => {
      throw thrown;
    };
    const running = await served({ onOpen, onClose: () => Promise.reject(rejected) }, ['/three/7']);
    await until(() => logged.mock.calls.length === 2);
    expect(logged.mock.calls).toEqual([[thrown], [rejected]]);
    await running.app.close();
  });

  it('are refused when they are no functions', () => {
    expect(() => SseModule.forRoot({ onOpen: 'x' as never })).not.toThrow();
    return expect(served({ onOpen: 'x' as never }, [])).rejects.toMatchObject({ code: 'SSE_INVALID_OPTION' });
  });
});
