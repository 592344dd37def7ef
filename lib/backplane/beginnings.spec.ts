import { Beginnings } from './beginnings.js';

describe('the beginnings of channels', () => {
  it('are the same for a channel until it is forgotten, and differ between channels', () => {
    const beginnings = new Beginnings();
    const a = beginnings.of('a', 12);
    expect(a).toMatch(/^[A-Za-z0-9]{12}$/);
    expect(beginnings.of('a', 12)).toBe(a);
    expect(beginnings.of('b', 12)).not.toBe(a);
    beginnings.forget('b');
    expect(beginnings.of('a', 12)).toBe(a);
    beginnings.forget('a');
    expect(beginnings.of('a', 12)).not.toBe(a);
  });

  it('are all others when more channels were forgotten than are remembered', () => {
    const beginnings = new Beginnings(2);
    const never = beginnings.of('never', 12);
    const seen = new Set([beginnings.of('a', 12)]);
    for (const name of ['a', 'b', 'a', 'c', 'a']) {
      beginnings.forget(name);
      const next = beginnings.of('a', 12);
      if (name !== 'b') expect(seen).not.toContain(next);
      seen.add(next);
    }
    expect(beginnings.of('never', 12)).not.toBe(never);
  });
});
