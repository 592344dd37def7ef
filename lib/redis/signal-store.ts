import { SIGNALS_KEPT, SIGNALS_KEPT_MS, type SignalStore, type StoredSignal } from '../following/signal-inbox.js';
import type { ScriptRunner } from './script-runner.js';
import { SIGNAL, SIGNALS } from './signal-scripts.js';
import { timeOf } from './stream-position.js';

/**
 * What the nodes tell each other, as a stream of its own.
 *
 * @internal
 */
export class RedisSignalStore implements SignalStore {
  /** @param key the stream, and the name of the notifications */
  constructor(
    private readonly scripts: ScriptRunner,
    readonly key: string,
  ) {}

  /** Tells all nodes, also those that do not listen at this moment. */
  async signal(message: string): Promise<void> {
    await this.scripts.run(SIGNAL, [this.key], [message, `${SIGNALS_KEPT}`, `${SIGNALS_KEPT_MS}`]);
  }

  async signals(): Promise<StoredSignal[]> {
    const [now, rows] = (await this.scripts.run(SIGNALS, [this.key], [])) as [string, [string, string[]][]];
    return rows.map(([id, [, message = '']]) => ({ id, message, ageMs: Number(now) - timeOf(id) }));
  }
}
