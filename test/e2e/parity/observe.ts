import { createParser } from 'eventsource-parser';
import { open } from '../../support/client.js';
import type { Running } from '../../support/platforms.js';
import { runHeader, type Ledger } from './ledger.js';

/** One thing that a client decoded, in order. */
export interface Item {
  readonly type?: string;
  readonly id?: string;
  readonly data?: string;
  readonly retry?: number;
  readonly comment?: string;
}

/** All that can be seen of one request. */
export interface Outcome {
  readonly status: number;
  readonly contentType: string | undefined;
  /** What an interceptor has set. */
  readonly header: string | undefined;
  /** The body as it was sent. */
  readonly text: string;
  /** `silent`: still open when nothing had come for a long time. */
  readonly end: 'ended' | 'cut off' | 'silent' | 'no answer';
  /** What the handler and the interceptor told. */
  readonly facts: readonly string[];
}

/** An outcome as two applications are compared by it. */
export interface Decoded extends Omit<Outcome, 'text'> {
  readonly items: readonly Item[];
  /** What is no event stream. */
  readonly body: unknown;
}

/** No case is silent for so long if it works; the next one is asked for then, and this one has failed. */
const silenceMs = 30_000;
let runs = 0;

/** Asks for `path`, reads all of it, and decodes it. */
export async function observe(running: Running, path: string, ledger: Ledger, lastFact?: string): Promise<Outcome> {
  const run = `run-${runs++}`;
  const controller = new AbortController();
  const silence = setTimeout(() => controller.abort(), silenceMs);
  try {
    const client = await open(running, path, { headers: { [runHeader]: run }, signal: controller.signal });
    const contentType = client.headers['content-type'];
    let end: Outcome['end'] = 'ended';
    await client.rest().catch(() => (end = controller.signal.aborted ? 'silent' : 'cut off'));
    if (lastFact !== undefined) await told(ledger, run, lastFact);
    return {
      status: client.status,
      contentType: contentType?.split(';')[0],
      header: client.headers['x-intercepted'] as string | undefined,
      text: client.text,
      end,
      facts: ledger.factsOf(run),
    };
  } catch {
    const facts = ledger.factsOf(run);
    return { status: 0, contentType: undefined, header: undefined, text: '', end: 'no answer', facts };
  } finally {
    clearTimeout(silence);
  }
}

export function decode({ text, ...outcome }: Outcome): Decoded {
  const { contentType } = outcome;
  return {
    ...outcome,
    items: contentType === 'text/event-stream' ? decodeText(text) : [],
    body: contentType === 'application/json' ? JSON.parse(text) : contentType === undefined ? text : undefined,
  };
}

async function told(ledger: Ledger, run: string, fact: string): Promise<void> {
  const deadline = performance.now() + silenceMs;
  while (!ledger.factsOf(run).includes(fact) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function decodeText(text: string): Item[] {
  const items: Item[] = [];
  createParser({
    onEvent: ({ event, id, data }) => items.push({ type: event ?? 'message', id, data }),
    onRetry: (retry) => items.push({ retry }),
    onComment: (comment) => items.push({ comment }),
  }).feed(text);
  return items;
}
