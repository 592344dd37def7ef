import { isProducing, type SseProducingBackplane } from '../backplane/abilities.js';
import type { SseBackplane, SseBackplaneEntry, SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import type { SseBackplaneSubject } from './backplane-subject.js';
import { RecordingListener } from './recording-listener.js';

/** A broken backplane must fail a case, not hang the run. In milliseconds; the slowest broker answers in less. */
const PATIENCE_MS = 30_000;

/** @internal */
export interface ContractCheck {
  readonly needsTwoNodes?: boolean;
  /** @throws what is broken */
  check(stage: ContractStage): Promise<void>;
}

/** One ability's cases by their names. @internal */
export type ContractCases = Readonly<Record<string, ContractCheck>>;

/**
 * What a case has to play with.
 *
 * @internal
 */
export class ContractStage {
  private readonly opened: SseBackplane[] = [];

  constructor(private readonly subject: SseBackplaneSubject) {}

  async node(): Promise<SseBackplane> {
    const node = await this.subject.open();
    this.opened.push(node);
    return node;
  }

  recorder(): RecordingListener {
    return new RecordingListener(this.subject.patienceMs ?? PATIENCE_MS);
  }

  async listener(node: SseBackplane, channel: string): Promise<RecordingListener> {
    const listener = this.recorder();
    listener.subscription = node.subscribe(channel, listener);
    await listener.until('ready()', () => listener.isReady);
    return listener;
  }

  /** A node that can produce, or nothing when this backplane cannot. */
  async producer(): Promise<(SseBackplane & SseProducingBackplane) | undefined> {
    const node = await this.node();
    return isProducing(node) ? node : undefined;
  }

  /** @returns whether that could be done */
  async crash(node: SseBackplane): Promise<boolean> {
    await this.subject.crash?.(node);
    return this.subject.crash !== undefined;
  }

  /** Never rejects: what a case has found is what is told. */
  async close(): Promise<void> {
    await Promise.allSettled(this.opened.map((node) => node.close()));
  }
}

/** @internal */
export const SETTINGS: SsePublishSettings = {
  history: { maxEvents: 1_000, maxBytes: 16_777_216, maxAgeMs: 300_000 },
};

/** 1 to 64 characters, not digits alone: a bare number is what other libraries send. @internal */
export const POSITION = /^(?![0-9]+$)[A-Za-z0-9_-]{1,64}$/;

let lastChannel = 0;

/** Unique over processes too: a store may outlive a run. @internal */
export function channelName(): string {
  return `contract ${process.pid} ${Date.now()} ${++lastChannel}`;
}

/** @internal */
export function said(data: string): SseBackplaneEvent {
  return { kind: 'event', data };
}

/** @internal */
export function dataOf(entries: readonly SseBackplaneEntry[]): unknown[] {
  return entries.map(({ event }) => event.data);
}

/** The texts `0`, `1` and so on. @internal */
export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`);
}

/** Publishes without waiting for one before the next. @returns the positions @internal */
export async function publishAll(
  node: SseBackplane,
  channel: string,
  data: readonly string[],
  settings = SETTINGS,
): Promise<string[]> {
  return await Promise.all(data.map(async (one) => node.publish(channel, said(one), settings)));
}

/** The same with so many events kept. @internal */
export async function publishKeeping(
  node: SseBackplane,
  channel: string,
  maxEvents: number,
  data: readonly string[],
): Promise<string[]> {
  return await publishAll(node, channel, data, { history: { ...SETTINGS.history, maxEvents } });
}
