import type { SseBackplaneEvent } from '../backplane/backplane.js';

/**
 * What has become of what was produced into a channel. `failed`: `message` is what clients were told, if they were told
 * something. `none`: nothing was produced into it, or it is not kept any more.
 *
 * @publicApi
 */
export type SseProductionStatus =
  | { readonly status: 'running' | 'completed' | 'stopped' | 'none' }
  | { readonly status: 'failed'; readonly message?: string | undefined };

/** How a production has ended. */
export type ProductionOutcome = Extract<SseProductionStatus, { status: 'completed' | 'stopped' | 'failed' }>;

const MAX_MESSAGE_LENGTH = 1_000;

/** The end of a production, as it is stored: clients see none of what it says. */
export function endOf(status: 'completed' | 'stopped' | 'failed', told?: SseBackplaneEvent): SseBackplaneEvent {
  const message = told?.data === undefined ? undefined : messageIn(told.data);
  return { kind: 'end', data: JSON.stringify(message === undefined ? { status } : { status, message }) };
}

/** What the end of a channel says. `none` for an end that no production has stored. */
export function readOutcome(data: string | undefined): SseProductionStatus {
  const none = { status: 'none' } as const;
  if (data === undefined) return none;
  try {
    const { status, message } = JSON.parse(data) as Record<string, unknown>;
    if (status === 'completed' || status === 'stopped') return { status };
    if (status === 'failed') return typeof message === 'string' ? { status, message } : { status };
  } catch {
    // Who may write to the store can have written anything.
  }
  return none;
}

/** The words in an error event: its `message`, or all of its text. */
function messageIn(data: string): string {
  let message: unknown;
  try {
    message = (JSON.parse(data) as { message?: unknown } | null)?.message;
  } catch {
    // It is text.
  }
  return (typeof message === 'string' ? message : data).slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
}
