import type { CommandLink } from './command-link.js';
import { isAnswer } from './redis-error.js';
import type { Script } from './script.js';

/**
 * Runs scripts by their hash. One that Redis has forgotten is sent as text, and what comes for the same keys meanwhile waits:
 * it would overtake.
 *
 * @internal
 */
export class ScriptRunner {
  private readonly reloading = new Map<string, Promise<unknown>>();

  /** @param isCluster whether keys may be on different servers */
  constructor(
    private readonly link: CommandLink,
    private readonly isCluster: boolean,
  ) {}

  /**
   * What a key may be in one call with. In a cluster that is the keys of its channel alone: those of a slot could be, but while
   * the slot moves they are on two servers.
   */
  laneOf(key: string): string {
    return this.isCluster ? key : '';
  }

  /** @throws {SseError} as `CommandLink.send()` does */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const [key = ''] = keys;
    const lane = this.laneOf(key);
    const tail = [`${keys.length}`, ...keys, ...args];
    const call = (): Promise<unknown> =>
      this.link.send(key, ['EVALSHA', script.sha, ...tail]).catch((error: Error) => {
        if (!isAnswer(error, 'NOSCRIPT')) throw error;
        const retried = this.link.send(key, ['EVAL', script.text, ...tail]);
        const done = retried
          .catch(() => undefined)
          .then(() => {
            if (this.reloading.get(lane) === done) this.reloading.delete(lane);
          });
        this.reloading.set(lane, done);
        return retried;
      });
    const reloading = this.reloading.get(lane);
    return reloading ? reloading.then(call) : call();
  }
}
