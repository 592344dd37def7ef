import 'reflect-metadata';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import { SseBroadcaster, SseModule } from '../../lib/index.js';
import { platforms, start, type Running } from '../support/platforms.js';

class WithoutKeys extends MemoryBackplane {
  override readonly isIdempotent = false as never;
}

describe('a publish key', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const begin = async (backplane = new MemoryBackplane()) => {
    running = await start(platforms[0]!, { imports: [SseModule.forRoot({ ping: false, backplane })] });
    broadcaster = running.app.get(SseBroadcaster);
  };
  afterEach(() => running.app.close());
  const refused = expect.objectContaining({
    code: 'SSE_INVALID_OPTION',
    message: expect.stringContaining('key') as string,
  });

  // '' and 0 were taken for one key: the second event of a channel was dropped without a word.
  it.each(['', 0, {}, null, ['k'], 'x'.repeat(129), 'é'.repeat(65), '\ud800'])(
    'is refused when it is %p',
    async (key) => {
      await begin();
      expect(() => broadcaster.publish('a', 'x', { key: key as never })).toThrow(refused);
      expect(await broadcaster.history('a')).toEqual([]);
    },
  );

  it.each(['k', 'x'.repeat(128), 'é'.repeat(64)])('is taken when it is %p', async (key) => {
    await begin();
    const { id } = await broadcaster.publish('a', 'x', { key });
    expect((await broadcaster.publish('a', 'x', { key })).id).toBe(id);
    expect(await broadcaster.history('a')).toHaveLength(1);
  });

  it('resolves with what was stored, not with what was offered', async () => {
    await begin();
    const first = await broadcaster.publish('a', { type: 'one', data: { n: 1 } }, { key: 'k' });
    await broadcaster.publish('a', 'between');
    expect(await broadcaster.publish('a', { type: 'two', data: { n: 2 } }, { key: 'k' })).toEqual(first);
    expect(first).toMatchObject({ type: 'one', data: '{"n":1}' });
    expect(await broadcaster.publish('b', { data: 'a\r\nb' }, { key: 'k' })).toMatchObject({ data: 'a\nb' });
  });

  it('is refused on a backplane that would store the event again', async () => {
    await begin(new WithoutKeys());
    expect(() => broadcaster.publish('a', 'x', { key: 'k' })).toThrow(refused);
    await broadcaster.publish('a', 'x');
  });
});
