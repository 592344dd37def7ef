import { resolveShutdownOptions } from './shutdown-options.js';

describe('resolveShutdownOptions', () => {
  it('spreads the clients of a server in production over ten seconds, and lets a developer wait half a second', () => {
    expect(resolveShutdownOptions({}, true).retryMs).toEqual({ min: 1_000, max: 10_000 });
    expect(resolveShutdownOptions({}, false).retryMs).toEqual({ min: 100, max: 500 });
  });

  it.each(['production', 'development', undefined])('asks NODE_ENV: %s', (value) => {
    const before = process.env.NODE_ENV;
    try {
      if (value === undefined) delete process.env.NODE_ENV;
      else process.env.NODE_ENV = value;
      expect(resolveShutdownOptions({})).toEqual(resolveShutdownOptions({}, value === 'production'));
    } finally {
      process.env.NODE_ENV = before;
    }
  });

  it.each([true, false])('does what an option says, in production or not: %s', (isProduction) => {
    const retryMs = { min: 7, max: 70_000 };
    expect(resolveShutdownOptions({ retryMs }, isProduction).retryMs).toEqual(retryMs);
    expect(resolveShutdownOptions({ retryMs: false }, isProduction).retryMs).toBe(false);
  });
});
