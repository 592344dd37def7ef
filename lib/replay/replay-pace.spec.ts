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

  it('lets a reader go on with what it has begun as long as there is time, and not longer', () => {
    const pace = new ReplayPace();
    expect(pace.hasTime).toBe(true);
    now += 0.4;
    expect(pace.hasTime).toBe(true);
    now += 0.2;
    expect(pace.hasTime).toBe(false);
  });
});
