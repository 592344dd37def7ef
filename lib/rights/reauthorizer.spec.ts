import type { Connection } from '../connection/connection.js';
import type { SseCloseReason } from '../connection/close-reason.js';
import { Reauthorizer } from './reauthorizer.js';
import { RIGHTS_DEFAULTS, resolveRights, type SseReauthorizeOptions } from './rights-options.js';

/** A connection as far as it is looked at here. */
function connectionOf(user: string | null) {
  let close!: (reason: SseCloseReason) => void;
  const closed = new Promise<SseCloseReason>((resolve) => (close = resolve));
  const end = jest.fn(close);
  return { request: { user }, closed, end } as unknown as Connection & { end: jest.Mock };
}

const reports: unknown[] = [];
const reauthorizer = (options: Partial<SseReauthorizeOptions>) => {
  const key = (request: object) => (request as { user: string | null }).user;
  const { reauthorize } = resolveRights(RIGHTS_DEFAULTS, { reauthorize: { check: () => true, key, ...options } });
  return new Reauthorizer(reauthorize!, (error) => reports.push(error));
};

beforeEach(() => {
  reports.length = 0;
  jest.useFakeTimers();
});
afterEach(() => jest.useRealTimers());

it('asks once for all connections of a key in each period, whatever their number', async () => {
  const check = jest.fn(() => true);
  const asking = reauthorizer({ check });
  for (let n = 0; n < 10_000; n++) asking.add(connectionOf(`user ${n % 100}`));
  await jest.advanceTimersByTimeAsync(31_000);
  expect(check).toHaveBeenCalledTimes(100);
  await jest.advanceTimersByTimeAsync(300_000);
  expect(check.mock.calls.length).toBeLessThanOrEqual(1_100);
  expect(check.mock.calls.length).toBeGreaterThanOrEqual(1_000);
});

it('spreads the first checks of clients that came together', async () => {
  const times: number[] = [];
  const asking = reauthorizer({ check: () => times.push(Date.now()) > 0 });
  for (let n = 0; n < 100; n++) asking.add(connectionOf(`user ${n}`));
  await jest.advanceTimersByTimeAsync(31_000);
  expect(new Set(times).size).toBeGreaterThan(5);
});

it('leaves nothing behind, and no timer, when all are closed', async () => {
  const asking = reauthorizer({});
  const connections = Array.from({ length: 50 }, (_, n) => connectionOf(n % 2 === 0 ? 'ann' : 'bob'));
  for (const connection of connections) asking.add(connection);
  expect([asking.size, jest.getTimerCount()]).toEqual([2, 1]);
  for (const connection of connections) connection.end({ code: 'client_left', reason: '' });
  await jest.advanceTimersByTimeAsync(0);
  expect([asking.size, jest.getTimerCount()]).toEqual([0, 0]);
});

it('ends the others when ending one throws', async () => {
  const asking = reauthorizer({ check: () => false });
  const broken = connectionOf('ann');
  broken.end.mockImplementation(() => {
    throw new Error('broken');
  });
  const other = connectionOf('ann');
  asking.add(broken);
  asking.add(other);
  await jest.advanceTimersByTimeAsync(31_000);
  expect(other.end).toHaveBeenCalledWith(expect.objectContaining({ code: 'unauthorized' }));
  expect(reports).toEqual([expect.objectContaining({ message: 'broken' })]);
});

it('takes an answer that comes too late for none, unless it is no', async () => {
  const answers: ((mayRead: boolean) => void)[] = [];
  const asking = reauthorizer({ check: () => new Promise((resolve) => answers.push(resolve)) });
  const ann = connectionOf('ann');
  asking.add(ann);
  await jest.advanceTimersByTimeAsync(31_000);
  expect(answers).toHaveLength(1);
  await jest.advanceTimersByTimeAsync(31_000);
  expect(answers).toHaveLength(2);
  answers[0]!(true);
  await jest.advanceTimersByTimeAsync(31_000);
  expect(ann.end).toHaveBeenCalledTimes(1);
  expect(reports).toHaveLength(2);
});

it('refuses a key that is no string', () => {
  expect(() => reauthorizer({ key: () => 7 as never }).add(connectionOf('ann'))).toThrow(
    expect.objectContaining({ code: 'SSE_INVALID_OPTION' }),
  );
});
