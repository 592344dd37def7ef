import type { ChannelKeys } from './channel-keys.js';
import { publishCall, type PublishRequest } from './publish-call.js';
import { PUBLISH } from './publish-script.js';
import { redisUnavailable } from './redis-error.js';
import { refusal } from './command-failure.js';
import type { ScriptRunner } from './script-runner.js';

/** What was stored with a key before: its position, and its entry if that is kept. @internal */
export type KnownPublish = readonly [position: string, row?: unknown];

/** One call keeps Redis busy for some milliseconds at most: so many events, and so many characters of them. */
const MAX_EVENTS = 256;
const MAX_LENGTH = 262_144;

interface Waiting extends PublishRequest {
  resolve(answer: string | KnownPublish): void;
  reject(error: Error): void;
}

/**
 * Publishes in the order of the calls. What is published in one turn of the event loop to one server goes in one call of the
 * script, or in a few if it is much: most of what a publish costs is the call.
 *
 * Nothing waits for the next turn. The client for Redis writes at the end of a turn; what was published until then is given to
 * it first at the end of the callback that published, and after that just before it writes.
 *
 * @internal
 */
export class PublishQueue {
  /** By what may go in one call. */
  private lanes = new Map<string, Waiting[]>();
  private isTurnOpen = false;
  private onIdle: () => void = () => undefined;
  /** Publishes that have no outcome yet. */
  pending = 0;

  constructor(
    private readonly scripts: ScriptRunner,
    private readonly keys: ChannelKeys,
    private readonly maxPending: number,
  ) {}

  /**
   * @returns its position, or the first with the same key
   * @throws {SseError} as a rejection, `SSE_BACKPLANE_UNAVAILABLE`
   */
  add(request: PublishRequest): Promise<string | KnownPublish> {
    if (this.pending >= this.maxPending) {
      return Promise.reject(redisUnavailable(`${this.pending} publishes wait already (maxPending)`, 'not sent'));
    }
    this.pending++;
    return new Promise((resolve, reject) => {
      const lane = this.scripts.laneOf(request.stream);
      const waiting = this.lanes.get(lane);
      const one = { ...request, resolve, reject };
      if (waiting) waiting.push(one);
      else this.lanes.set(lane, [one]);
      this.schedule();
    });
  }

  /** @returns when all that was published has an outcome */
  async close(): Promise<void> {
    this.flush();
    if (this.pending > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
  }

  /** Gives all that waits to the connection. */
  flush(): void {
    if (this.lanes.size === 0) return;
    const { lanes } = this;
    this.lanes = new Map();
    for (const lane of lanes.values()) {
      const waiting = byStream(lane);
      let from = 0;
      let length = 0;
      for (const [index, { event }] of waiting.entries()) {
        if (index > from && (index - from === MAX_EVENTS || length + event.length > MAX_LENGTH)) {
          this.send(waiting.slice(from, index));
          from = index;
          length = 0;
        }
        length += event.length;
      }
      this.send(waiting.slice(from));
    }
  }

  private schedule(): void {
    if (!this.isTurnOpen) {
      this.isTurnOpen = true;
      // Before the client for Redis asks for the same: so this comes first.
      setImmediate(this.closeTurn);
      process.nextTick(() => this.flush());
    }
  }

  private readonly closeTurn = (): void => {
    this.isTurnOpen = false;
    this.flush();
  };

  private done(count: number): void {
    this.pending -= count;
    if (this.pending === 0) this.onIdle();
  }

  private send(requests: readonly Waiting[]): void {
    const { keys, args } = publishCall(requests, this.keys);
    this.scripts.run(PUBLISH, keys, args).then(
      (answers) => {
        this.done(requests.length);
        for (const [index, request] of requests.entries()) settle(request, (answers as unknown[])[index]);
      },
      (error: Error) => {
        this.done(requests.length);
        for (const request of requests) request.reject(error);
      },
    );
  }
}

/** In runs as long as can be. Only the events of one channel have an order. */
function byStream(requests: readonly Waiting[]): readonly Waiting[] {
  const runs = new Map<string, Waiting[]>();
  for (const request of requests) {
    const run = runs.get(request.stream);
    if (run) run.push(request);
    else runs.set(request.stream, [request]);
  }
  return runs.size === 1 ? requests : [...runs.values()].flat();
}

function settle(request: Waiting, answer: unknown): void {
  if (typeof answer === 'string' && answer.startsWith('!')) request.reject(refusal(new Error(answer.slice(1))));
  else request.resolve(answer as string | KnownPublish);
}
