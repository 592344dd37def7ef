import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { applicationClosed } from '../backplane/application-closed.js';
import { isIdempotent, isProducing, type SseProducerLease } from '../backplane/abilities.js';
import { isUnavailable } from '../backplane/is-unavailable.js';
import type { SseBackplane, SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import { KEPT_WHOLE } from '../backplane/kept-whole.js';
import type { NodeSignals } from '../backplane/node-signals.js';
import { checkChannelName } from '../channel/channel-name.js';
import { errorEventOf, type SseErrorEventFactory } from '../protocol/client-events.js';
import type { SseSerialize } from '../protocol/encoder.js';
import { show } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseValuesAs } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { Source } from '../source/source.js';
import { toSource } from '../source/to-source.js';
import type { ChannelSettings } from '../channel/channel-options.js';
import { delay } from './delay.js';
import { ProductionEnds, type StoreProduced } from './production-ends.js';
import {
  resolveProduceOptions,
  type ProduceOptions,
  type SseProduceOptions,
  type SseProductionsOptions,
} from './production-options.js';
import { endOf, readOutcome, type SseProductionStatus } from './production-outcome.js';
import { ProductionRun, SseProduction, type ProductionHost, type SseProducer } from './production.js';
import { StoreQueue } from './store-queue.js';
import { toStored } from '../channel/stored-event.js';

/** What one node asks all others. */
interface StopSignal {
  readonly channel: string;
  /** The id of the producer that is meant: not one that begins later. */
  readonly producer: string;
}

/** How long a stop waits for the node that produces, and how often it asks, in milliseconds. */
const STOP_WITHIN_MS = 5_000;
const STOP_ASK_MS = 25;

/** What productions need of the broadcaster. */
export interface ProductionsOptions {
  readonly settingsOf: (name: string) => ChannelSettings;
  readonly productions: SseProductionsOptions;
  readonly serialize: SseSerialize;
  readonly errorEvent: SseErrorEventFactory;
  readonly as: SseValuesAs;
  readonly report: (error: unknown) => void;
  readonly store: StoreProduced;
  /** Told of an event that was stored in another way. */
  readonly stored: (name: string, waitedMs: number) => void;
  /** What the end of the channel says, if this node knows it. */
  readonly endingOf: (name: string) => string | undefined;
}

/**
 * What runs into channels on this node, at most one into each.
 *
 * However one ends, and whatever the store does meanwhile: its end is stored as soon as that is possible, its lease goes, and
 * another can begin.
 *
 * @internal
 */
export class Productions implements ProductionHost {
  private readonly runs = new Map<string, ProductionRun>();
  /** Bytes of all that run. */
  private byteLength = 0;
  private isClosing = false;
  private readonly stopping = new AbortController();
  /** Whether a key makes one of an event that is stored twice. What only orders does so at once, and never fails. */
  private readonly hasKeys: boolean;
  private readonly ends: ProductionEnds;

  constructor(
    private readonly backplane: SseBackplane,
    private readonly signals: NodeSignals,
    private readonly options: ProductionsOptions,
  ) {
    signals.on('stop', (body) => this.stopNamed(body as Partial<StopSignal>));
    this.hasKeys = isIdempotent(backplane) && backplane.retains && !isProducing(backplane);
    this.ends = new ProductionEnds({ ...options, hasKeys: this.hasKeys, hurry: this.stopping.signal });
    // Each production that waits for the store listens: more than ten are no leak.
    setMaxListeners(Infinity, this.stopping.signal);
  }

  /** Whether something runs into the channel on this node. */
  has(name: string): boolean {
    return this.runs.has(name);
  }

  /** How many run on this node. */
  get size(): number {
    return this.runs.size;
  }

  /** How the events of the channel are kept while something runs into it: all of them, and no longer than others. */
  historyOf(name: string): SsePublishSettings['history'] {
    const { history } = this.options.settingsOf(name);
    if (!this.runs.has(name)) return history;
    // The bound in bytes is the production's own.
    const { MAX_SAFE_INTEGER } = Number;
    return { maxEvents: MAX_SAFE_INTEGER, maxBytes: MAX_SAFE_INTEGER, maxAgeMs: history.maxAgeMs, isWhole: true };
  }

  /**
   * @throws {SseError} as a rejection: `SSE_PRODUCER_RUNNING`, `SSE_TOO_MANY_PRODUCTIONS`, `SSE_INVALID_SOURCE`,
   *   `SSE_INVALID_OPTION`, `SSE_CLOSED`
   */
  async produce(name: string, source: unknown, chosen: SseProduceOptions): Promise<SseProduction> {
    const { options } = this;
    const { deadlineMs, maxProductions } = options.productions;
    const settings = resolveProduceOptions(chosen, { ...options, deadlineMs });
    const origin: Source | SseProducer = typeof source === 'function' ? (source as SseProducer) : toSource(source);
    const refusal = this.isClosing
      ? applicationClosed()
      : this.runs.has(name)
        ? alreadyRunning(name)
        : this.runs.size >= maxProductions
          ? tooMany(maxProductions)
          : undefined;
    if (refusal) {
      if (typeof origin !== 'function') origin.cancel();
      throw refusal;
    }
    const run = new ProductionRun(name, origin, settings, this);
    this.runs.set(name, run);
    try {
      run.lease = await this.acquire(name, settings, (why) => {
        if (why === 'gone') return run.fail(dataLost());
        run.isOurs = false;
        run.lose();
      });
      // Stopped before it began: there is nothing but its end.
      if (!run.isOver) {
        await options.store(name, { kind: 'start', data: KEPT_WHOLE }, { lease: run.lease, number: 0 });
        run.hasBegun = true;
      }
    } catch (error) {
      run.isOurs &&= run.lease !== undefined;
      run.lose();
      run.begun();
      await run.done;
      throw error;
    }
    run.begun();
    run.start();
    return new SseProduction(name, run);
  }

  /**
   * Stops what runs into the channel, here or on another node.
   *
   * @returns whether there was something, when its end is stored; on another node after 5 s at the latest
   */
  async stop(name: string): Promise<boolean> {
    const run = this.runs.get(name);
    run?.stop();
    await run?.done;
    // If another node has the channel, this one has stopped nothing yet.
    if (run?.isOurs) return true;
    const { backplane, signals } = this;
    if (!isProducing(backplane) || !signals.hasOthers) return false;
    const { producer } = await backplane.producing(name);
    if (producer === undefined) return false;
    await signals.send('stop', { channel: name, producer } satisfies StopSignal);
    const deadline = performance.now() + STOP_WITHIN_MS;
    while (performance.now() < deadline && !this.isClosing) {
      if ((await backplane.producing(name)).producer !== producer) break;
      await delay(STOP_ASK_MS);
    }
    return true;
  }

  /** What has become of what was produced into the channel, on any node. */
  async status(name: string): Promise<SseProductionStatus> {
    if (this.runs.has(name)) return { status: 'running' };
    const { backplane } = this;
    if (!isProducing(backplane)) return readOutcome(this.options.endingOf(name));
    const { producer, newest } = await backplane.producing(name);
    if (producer !== undefined) return { status: 'running' };
    return readOutcome(newest?.kind === 'end' ? newest.data : undefined);
  }

  /** Begins nothing new, and waits until all are over that end by themselves within the time. Never rejects. */
  async settle(withinMs: number): Promise<void> {
    this.isClosing = true;
    if (this.runs.size === 0 || withinMs === 0) return;
    const timer = new AbortController();
    const late = delay(withinMs, { signal: timer.signal });
    await Promise.race([Promise.all([...this.runs.values()].map(({ done }) => done)), late]);
    timer.abort();
  }

  /** Ends everything, with an announced error. A store that is away is not waited for any more. */
  async stopAll(): Promise<void> {
    this.isClosing = true;
    this.stopping.abort();
    const runs = [...this.runs.values()];
    for (const run of runs) run.fail(applicationClosed());
    await Promise.all(runs.map(({ done }) => done));
  }

  queueFor(run: ProductionRun): StoreQueue {
    const keys = randomBytes(9).toString('base64url');
    return new StoreQueue({
      store: (event, number) =>
        this.options.store(run.channel, event, {
          lease: run.lease,
          number,
          key: this.hasKeys ? `${keys}${number}` : undefined,
        }),
      mayRepeat: this.hasKeys || isProducing(this.backplane),
      unavailableMs: this.options.productions.unavailableMs,
      hurry: this.stopping.signal,
      onFailed: (error) => run.fail(error),
    });
  }

  takeBytes(count: number): void {
    const { maxBytes } = this.options.productions;
    if (this.byteLength + count > maxBytes) throw tooLarge(maxBytes);
    this.byteLength += count;
  }

  check(event: SseEventInit): SseBackplaneEvent {
    return toStored(event, this.options.serialize);
  }

  report(error: unknown): void {
    this.options.report(error);
  }

  async conclude(run: ProductionRun, events: readonly SseBackplaneEvent[]): Promise<void> {
    await run.beginning;
    const failure = await run.queue.whenEmpty();
    // It has completed, and what it said last could not be stored: that is no good end.
    const end = failure === undefined || events.length === 0 ? events : run.failure(failure);
    if (run.isOurs) await this.ends.store(run, end, isUnavailable(failure)).catch(this.options.report);
    this.byteLength -= run.byteLength;
    this.runs.delete(run.channel);
  }

  describe(errorEvent: ProduceOptions['errorEvent'], error: unknown, isText: boolean): SseBackplaneEvent | undefined {
    const { serialize, report } = this.options;
    return errorEventOf(errorEvent, error, isText, (event) => toStored(event, serialize), report);
  }

  /** Another node stops what runs into the channel: that producer, and none that began later. */
  private stopNamed({ channel, producer }: Partial<StopSignal>): void {
    const run = this.runs.get(checkChannelName(channel));
    // One that begins at this moment does not know its id yet.
    if (run) void run.beginning.then(() => run.lease && run.lease.id === producer && run.stop());
  }

  private async acquire(
    name: string,
    settings: ProduceOptions,
    onLost: (why: 'taken' | 'gone') => void,
  ): Promise<SseProducerLease | undefined> {
    const { backplane } = this;
    if (!isProducing(backplane)) return undefined;
    const failure = this.describe(settings.errorEvent, new Error('the producer is gone'), false);
    const end = endOf('failed', failure);
    const lastWords = failure ? [failure, end] : [end];
    const lease = await backplane.produce(name, lastWords, { history: this.historyOf(name) }, onLost);
    if (!lease) throw alreadyRunning(name);
    return lease;
  }
}

function dataLost(): SseError {
  return new SseError('SSE_PRODUCTION_LOST', 'The store has lost what was produced so far. Produce it again.');
}

function alreadyRunning(name: string): SseError {
  return new SseError(
    'SSE_PRODUCER_RUNNING',
    `Something is being produced into the channel ${show(name)}. Stop it first, or use another channel.`,
    { value: name },
  );
}

function tooMany(maxProductions: number): SseError {
  return new SseError(
    'SSE_TOO_MANY_PRODUCTIONS',
    `${maxProductions} productions run on this node, and no more may. Try again later, or raise productions.maxProductions.`,
  );
}

function tooLarge(maxBytes: number): SseError {
  return new SseError(
    'SSE_PRODUCTION_TOO_LARGE',
    `The productions of this node have more than ${maxBytes} bytes of events together. Raise productions.maxBytes, or let fewer run at once.`,
  );
}
