const { performance } = globalThis;
const now = performance.now.bind(performance);
let aheadMs = 0;

/** Lets what has an age become older by so many milliseconds, until the end of the test. Timers do not notice. */
export function age(ms: number): void {
  aheadMs += ms;
  performance.now = () => now() + aheadMs;
}

afterEach(() => {
  aheadMs = 0;
  performance.now = now;
});
