import { Fifo } from './fifo.js';

describe('Fifo', () => {
  it('gives back what was put in, oldest first, then undefined', () => {
    const fifo = new Fifo<number>();
    fifo.push(1);
    fifo.push(2);
    expect([fifo.shift(), fifo.shift(), fifo.shift()]).toEqual([1, 2, undefined]);
    expect(fifo.length).toBe(0);
  });

  it('keeps order and length through any mix of both', () => {
    const fifo = new Fifo<number>();
    const model: number[] = [];
    // Uneven steps, so that it is emptied, cut and filled again at every size up to some hundreds.
    for (let round = 0, n = 0; round < 400; round += 1) {
      for (let i = 0; i < (round * 7) % 90; i += 1, n += 1) {
        fifo.push(n);
        model.push(n);
      }
      const count = (round * 11) % 90;
      // One comparison for each round: each costs as much as a thousand events.
      expect(Array.from({ length: count }, () => fifo.shift())).toEqual(
        Array.from({ length: count }, () => model.shift()),
      );
      expect(fifo.length).toBe(model.length);
    }
  });

  it('does not grow while as much is taken as is put in', () => {
    const fifo = new Fifo<number>();
    for (let n = 0; n < 50; n += 1) {
      fifo.push(n);
    }
    for (let n = 50; n < 100_000; n += 1) {
      fifo.push(n);
      fifo.shift();
    }
    expect((fifo as unknown as { items: unknown[] }).items.length).toBeLessThan(200);
  });

  it('forgets everything when it is cleared', () => {
    const fifo = new Fifo<number>();
    fifo.push(1);
    fifo.clear();
    expect(fifo.length).toBe(0);
    expect(fifo.shift()).toBeUndefined();
  });
});
