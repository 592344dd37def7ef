import { ReplayPace } from './replay-pace.js';

describe('the pace of readers that catch up', () => {
  let now = 1_000;
  beforeEach(() => {
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => jest.restoreAllMocks());

  const turn = () => new Promise((resolve) => setImmediate(resolve));

  // A publish through Redis takes two or three turns: with 2 ms in each it waited ten times as long as on a quiet node.
  it('leaves each turn to others after half a millisecond, and goes on in the next one', async () => {
    const pace = new ReplayPace();
    let written = 0;
    const readers = Array.from({ length: 10 }, () => ({
      proceed: () => {
        written++;
        now += 0.2;
      },
    }));
    for (const reader of readers) pace.defer(reader);
    const perTurn: number[] = [];
    while (written < readers.length) {
      const before = written;
      await turn();
      perTurn.push(written - before);
    }
    expect(Math.max(...perTurn)).toBe(3);
  });

  // With half a millisecond beside turns of several, a reader that reads waited behind 250 that do not, and missed events.
  it.each([
    [1.2, 6],
    [50, 10],
  ])('has as long as the others had before, up to two milliseconds: %s ms', async (others, expected) => {
    const pace = new ReplayPace();
    let written = 0;
    const reader = {
      proceed: () => {
        written++;
        now += 0.2;
        pace.defer(reader);
      },
    };
    pace.defer(reader);
    await turn();
    const before = written;
    now += others;
    await turn();
    expect(Math.abs(written - before - expected)).toBeLessThanOrEqual(1);
    pace.forget(reader);
    reader.proceed = () => undefined;
  });

  it('lets a reader go on with what it has begun as long as there is time, and not longer', () => {
    const pace = new ReplayPace();
    expect(pace.hasTime).toBe(true);
    now += 0.4;
    expect(pace.hasTime).toBe(true);
    now += 0.2;
    expect(pace.hasTime).toBe(false);
  });
});
