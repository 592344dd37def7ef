import type { SseBackplaneEntry, SseBackplaneListener } from '../../lib/backplane/backplane.js';
import { until } from './until.js';

/** A listener that writes down what it is told. */
export class BackplaneLog implements SseBackplaneListener {
  /** `undefined` until `ready()`. */
  start: { readonly head: string | undefined; readonly isEnded: boolean } | undefined;
  readonly entries: SseBackplaneEntry[] = [];
  readonly gaps: { readonly reason: string; readonly head: string | undefined; readonly after: number }[] = [];

  ready(head: string | undefined, isEnded: boolean): void {
    if (this.start) throw new Error('ready() was called twice');
    this.start = { head, isEnded };
  }

  entry(entry: SseBackplaneEntry): void {
    if (!this.start) throw new Error('entry() was called before ready()');
    this.entries.push(entry);
  }

  gap(reason: string, head: string | undefined): void {
    if (!this.start) throw new Error('gap() was called before ready()');
    this.gaps.push({ reason, head, after: this.entries.length });
  }

  get data(): (string | undefined)[] {
    return this.entries.map(({ event }) => event.data);
  }

  isReady(): Promise<void> {
    return until(() => this.start !== undefined, 'ready()');
  }

  has(data: string): Promise<void> {
    return until(() => this.entries.some(({ event }) => event.data === data), `the entry ${data}`);
  }
}
