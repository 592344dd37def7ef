import type { CommandLink } from './command-link.js';
import { isAnswer } from './redis-error.js';
import type { Script } from './script.js';

/**
 * Runs scripts by their hash. One that Redis has forgotten is sent as text, and what comes for the same key meanwhile waits:
 * it would overtake.
 *
 * @internal
 */
export class ScriptRunner {
  private readonly reloading = new Map<string, Promise<unknown>>();

  constructor(private readonly link: CommandLink) {}

  /** @throws {SseError} as `CommandLink.send()` does */
  run(script: Script, keys: readonly string[], args: readonly string[], isPublish = false): Promise<unknown> {
    const [key = ''] = keys;
    const tail = [`${keys.length}`, ...keys, ...args];
    const call = (): Promise<unknown> =>
      this.link.send(key, ['EVALSHA', script.sha, ...tail], isPublish).catch((error: Error) => {
        if (!isAnswer(error, 'NOSCRIPT')) throw error;
        const retried = this.link.send(key, ['EVAL', script.text, ...tail], isPublish);
        const done = retried
          .catch(() => undefined)
          .then(() => {
            if (this.reloading.get(key) === done) this.reloading.delete(key);
          });
        this.reloading.set(key, done);
        return retried;
      });
    const reloading = this.reloading.get(key);
    return reloading ? reloading.then(call) : call();
  }
}
