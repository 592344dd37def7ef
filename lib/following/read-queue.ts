import { deadline } from './deadline.js';

/** Reads of one server at once: pages of some 100 KB, so that the server has time for publishes in between. */
const AT_ONCE = 8;
/** Reads that may wait for their turn, of one server. Each is a client that resumes; beyond it they try again. */
const MAX_WAITING = 10_000;

/**
 * Where reads wait for each other. Publishes do not wait here, nor do they count: however many clients come back at once,
 * there is room for a publish.
 *
 * @internal
 */
export class ReadQueue {
  /** Reads that wait for their turn. */
  waiting = 0;
  private readonly servers = new Map<string, { running: number; readonly queue: Set<() => void> }>();

  /**
   * @param timeoutMs how long a read may wait for its turn
   * @param refuse makes the error of a read that was not sent
   */
  constructor(
    private readonly timeoutMs: number,
    private readonly refuse: (what: string) => Error,
  ) {}

  /** @throws what `refuse` makes, as a rejection, when its turn does not come */
  async run<T>(server: string, work: () => Promise<T>): Promise<T> {
    let lane = this.servers.get(server);
    if (!lane) this.servers.set(server, (lane = { running: 0, queue: new Set() }));
    if (lane.running < AT_ONCE) lane.running++;
    else await this.turn(lane.queue);
    try {
      return await work();
    } finally {
      // Whoever waits longest takes the place over.
      const [next] = lane.queue;
      if (next) next();
      else if (--lane.running === 0) this.servers.delete(server);
    }
  }

  private turn(queue: Set<() => void>): Promise<void> {
    if (queue.size >= MAX_WAITING) {
      return Promise.reject(this.refuse(`${queue.size} reads wait already`));
    }
    this.waiting++;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.waiting--;
        queue.delete(go);
      };
      const stop = deadline(this.timeoutMs, () => {
        leave();
        reject(this.refuse(`no turn to read within ${this.timeoutMs} ms`));
      });
      const go = (): void => {
        stop();
        leave();
        resolve();
      };
      queue.add(go);
    });
  }
}
