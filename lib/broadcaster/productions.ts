import { randomBytes } from 'node:crypto';
import { applicationClosed } from '../backplane/application-closed.js';
import { isIdempotent, isProducing } from '../backplane/abilities.js';
import type { SseBackplane, SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import { KEPT_WHOLE } from '../backplane/kept-whole.js';
import { errorEventOf, type SseErrorEventFactory } from '../protocol/error-event.js';
import { functionOption, integerOption, oneOf } from '../protocol/check-option.js';
import type { SseSerialize } from '../protocol/encoder.js';
import { show } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseValuesAs } from '../protocol/sse-event-like.js';
import { toSource } from '../source/to-source.js';
import type { ChannelSettings } from '../channel/channel-options.js';
import { retryWhileUnavailable } from './retry-while-unavailable.js';
import { ProductionRun, SseProduction } from './production.js';
import { toStored } from '../channel/stored-event.js';

/** What one production decides. */
export interface SseProduceOptions {
  /**
   * How many bytes of events are kept; each event counts 256 bytes more than its text. Late readers get all events from the
   * first one, so a larger production fails. @default 16_777_216
   */
  maxBytes?: number;
  /** Whether the values of the source are events, or `'data'`: then every value is data. @default that of the module */
  as?: SseValuesAs;
  /**
   * Makes the event that tells readers of a failure. `null`: no event, the channel just ends. `isText` is true when only strings
   * were stored.
   *
   * @default that of the module
   */
  errorEvent?: SseErrorEventFactory;
}

const MAX_BYTES = 16_777_216;

/** How long the end is tried to be stored while the store is away, in milliseconds. After that the lease runs out. */
const END_WITHIN_MS = 60_000;

/** What productions need of the broadcaster. */
export interface ProductionsOptions {
  readonly settingsOf: (name: string) => ChannelSettings;
  readonly serialize: SseSerialize;
  readonly errorEvent: SseErrorEventFactory;
  readonly as: SseValuesAs;
  readonly report: (error: unknown) => void;
  readonly store: (name: string, event: SseBackplaneEvent, key?: string) => string | Promise<string>;
}

interface Lease {
  release(): Promise<void>;
}

/**
 * What runs into channels on this node, at most one into each.
 *
 * However one ends, and whatever the store does meanwhile: its end is stored as soon as that is possible, its lease goes, and
 * another can begin.
 *
 * @internal
 */
export class Productions {
  private readonly runs = new Map<string, ProductionRun>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly backplane: SseBackplane,
    private readonly options: ProductionsOptions,
  ) {}

  /** Whether something runs into the channel on this node. */
  has(name: string): boolean {
    return this.runs.has(name);
  }

  /** How the events of the channel are kept while something runs into it: all of them, and no longer than others. */
  historyOf(name: string): SsePublishSettings['history'] {
    const { history } = this.options.settingsOf(name);
    if (!this.runs.has(name)) return history;
    // The bound in bytes is the production's own.
    const { MAX_SAFE_INTEGER } = Number;
    return { maxEvents: MAX_SAFE_INTEGER, maxBytes: MAX_SAFE_INTEGER, maxAgeMs: history.maxAgeMs, isWhole: true };
  }

  /** @throws {SseError} as a rejection: `SSE_PRODUCER_RUNNING`, `SSE_INVALID_SOURCE`, `SSE_INVALID_OPTION`, `SSE_CLOSED` */
  async produce(name: string, source: unknown, chosen: SseProduceOptions): Promise<SseProduction> {
    const { maxBytes = MAX_BYTES, as = this.options.as, errorEvent = this.options.errorEvent } = chosen;
    integerOption('maxBytes', maxBytes, 1);
    oneOf('as', as, ['event', 'data']);
    functionOption('errorEvent', errorEvent);
    const runnable = toSource(source);
    const { aborted } = this.stopping.signal;
    if (aborted || this.runs.has(name)) {
      runnable.cancel();
      throw aborted ? applicationClosed() : running(name);
    }
    const { options } = this;
    let lease: Lease | undefined;
    /** What another node produces, or has ended, is not this one's to end. */
    let isOurs = false;
    /** Resolves when the beginning is stored, or could not be: the end comes after it. */
    let begun!: () => void;
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    const run: ProductionRun = new ProductionRun(runnable, {
      maxBytes,
      as,
      check: (event) => toStored(event, options.serialize),
      store: (event) => options.store(name, event),
      conclude: async (events) => {
        await beginning;
        await this.storeEnd(name, events, () => isOurs);
        await lease?.release().catch(options.report);
        this.runs.delete(name);
      },
      describe: (error, isText) => this.describe(errorEvent, error, isText),
      report: options.report,
    });
    this.runs.set(name, run);
    try {
      isOurs = true;
      lease = await this.acquire(name, errorEvent, () => {
        isOurs = false;
        run.lose();
      });
      // Stopped before it began: there is nothing but its end.
      if (!run.isOver) await options.store(name, { kind: 'start', data: KEPT_WHOLE });
    } catch (error) {
      isOurs = isOurs && lease !== undefined;
      run.lose();
      begun();
      await run.done;
      throw error;
    }
    begun();
    run.start();
    return new SseProduction(name, run);
  }

  /** @returns whether there was something */
  async stop(name: string): Promise<boolean> {
    const run = this.runs.get(name);
    run?.complete();
    await run?.done;
    return run !== undefined;
  }

  /** Ends everything, with an announced error. A store that is away is not waited for any more. */
  async stopAll(): Promise<void> {
    this.stopping.abort();
    const runs = [...this.runs.values()];
    for (const run of runs) run.fail(applicationClosed());
    await Promise.all(runs.map(({ done }) => done));
  }

  /** Never rejects: when the end could not be stored the lease runs out, and somebody else stores it. */
  private async storeEnd(name: string, events: readonly SseBackplaneEvent[], isOurs: () => boolean): Promise<void> {
    const deadline = performance.now() + END_WITHIN_MS;
    const key = randomBytes(9).toString('base64url');
    // Without keys an event whose outcome is not known would be stored twice; an end after an end is none.
    const hasKeys = isIdempotent(this.backplane);
    try {
      for (const [index, event] of events.entries()) {
        const store = async () => isOurs() && this.options.store(name, event, hasKeys ? `${key}${index}` : undefined);
        const mayRepeat = hasKeys || event.kind === 'end';
        if (mayRepeat) await retryWhileUnavailable(store, deadline, this.stopping.signal);
        else await store().catch(this.options.report);
      }
    } catch (error) {
      this.options.report(error);
    }
  }

  private async acquire(
    name: string,
    errorEvent: ProductionsOptions['errorEvent'],
    onLost: () => void,
  ): Promise<Lease | undefined> {
    const { backplane } = this;
    if (!isProducing(backplane)) return undefined;
    const failure = this.describe(errorEvent, new Error('the producer is gone'), false);
    const lastWords: SseBackplaneEvent[] = failure ? [failure, { kind: 'end' }] : [{ kind: 'end' }];
    const history = this.historyOf(name);
    const lease = await backplane.produce(name, lastWords, { history }, onLost);
    if (!lease) throw running(name);
    return lease;
  }

  private describe(
    errorEvent: ProductionsOptions['errorEvent'],
    error: unknown,
    isText: boolean,
  ): SseBackplaneEvent | undefined {
    const { serialize, report } = this.options;
    return errorEventOf(errorEvent, error, isText, (event) => toStored(event, serialize), report);
  }
}

function running(name: string): SseError {
  return new SseError(
    'SSE_PRODUCER_RUNNING',
    `Something is being produced into the channel ${show(name)}. Stop it first, or use another channel.`,
    { value: name },
  );
}
