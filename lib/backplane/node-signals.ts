import { show } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';
import { isSignalling } from './abilities.js';
import type { SseBackplane } from './backplane.js';

/** Malformed signals that are remembered, so that each is reported once. */
const MAX_REPORTED = 100;

/**
 * Takes the body of one kind of signal. It throws what is wrong with a body before it does anything.
 *
 * @param ageMs how long ago it was said, in milliseconds
 */
export type SignalListener = (body: unknown, ageMs: number) => void;

/**
 * What the nodes of an application tell each other. A signal is JSON: `{ <kind>: <body> }`. Each kind has one listener.
 *
 * The backplane delivers a signal to all nodes, also to the one that sent it.
 *
 * @internal
 */
export class NodeSignals {
  private readonly listeners = new Map<string, SignalListener>();
  private readonly reported = new Set<string>();

  constructor(
    private readonly backplane: SseBackplane,
    private readonly report: (error: unknown) => void,
  ) {
    if (isSignalling(backplane)) backplane.onSignal((text, ageMs) => this.hear(text, ageMs));
  }

  /** Whether there may be other nodes to hear a signal. */
  get hasOthers(): boolean {
    return isSignalling(this.backplane);
  }

  on(kind: string, listener: SignalListener): void {
    this.listeners.set(kind, listener);
  }

  /** Resolves when the backplane has taken the signal, and at once when there are no other nodes. */
  async send(kind: string, body: unknown): Promise<void> {
    if (isSignalling(this.backplane)) await this.backplane.signal(JSON.stringify({ [kind]: body }));
  }

  /** Whoever may write to the backplane can say anything, and say it again and again. */
  private hear(text: string, ageMs = 0): void {
    try {
      const { kind, body } = parse(text);
      const listener = this.listeners.get(kind);
      if (!listener) throw new TypeError(`No signal is called ${show(kind)}`);
      listener(body, ageMs);
    } catch (error) {
      if (this.reported.size >= MAX_REPORTED || this.reported.has(text)) return;
      this.reported.add(text);
      this.report(malformed(text, error));
    }
  }
}

function parse(text: string): { kind: string; body: unknown } {
  const signal = JSON.parse(text) as unknown;
  const [entry, ...others] = typeof signal === 'object' && signal !== null ? Object.entries(signal) : [];
  if (entry === undefined || others.length > 0) throw new TypeError('A signal is an object with one key');
  return { kind: entry[0], body: entry[1] };
}

function malformed(text: string, cause: unknown): SseError {
  const why = (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '');
  return new SseError(
    'SSE_UNSUPPORTED',
    `A signal of another node cannot be read: ${why}. Run the same version on all nodes that share a backplane, and ` +
      'let nobody else write to it.',
    { value: text, cause },
  );
}
