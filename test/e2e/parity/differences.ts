import { ConflictException, ForbiddenException, GoneException, RequestTimeoutException } from '@nestjs/common';
import type { Platform } from '../../support/platforms.js';
import type { Outcome } from './observe.js';
import type { SourceName } from './sources.js';

/** What was asked of both. */
export interface Case {
  readonly platform: Platform;
  readonly interceptor: string;
  readonly source: SourceName;
  /** How often it was asked for before. */
  readonly visit: number;
}

/**
 * A row of the first table of docs/MOVING.md: what Nest's own answered, made into what ours answers.
 *
 * It must change what it is about and nothing else. Where it changes nothing although the row says that there is a
 * difference, the row is not true any more.
 */
export interface Difference {
  /** The row's name. */
  readonly row: string;
  /** The major of Nest that is different; both if there is none. */
  readonly nest?: 11;
  readonly apply: (outcome: Outcome, asked: Case) => Outcome;
}

const isStream = ({ contentType }: Outcome) => contentType === 'text/event-stream';
const withText = (outcome: Outcome, change: (text: string) => string): Outcome =>
  isStream(outcome) ? { ...outcome, text: change(outcome.text) } : outcome;
const errorEvent = (message: string) => `event: error\ndata: ${message}\n\n`;
const internal = { statusCode: 500, message: 'Internal server error' };
const asJson = (outcome: Outcome, status: number, body: unknown): Outcome => ({
  ...outcome,
  status,
  contentType: 'application/json',
  text: JSON.stringify(body),
});
const answers = [
  new ForbiddenException('not you'),
  new ConflictException('taken'),
  new GoneException('gone'),
  new RequestTimeoutException(),
];

/** By the messages that are no exception's of {@link answers}. */
const statusOf: Readonly<Record<string, number>> = { 'Internal server error': 500, 'not any more': 410, flaky: 409 };

/** The events that Nest's own drops because its source failed in the same turn, by interceptor and source. */
const droppedByNest: Readonly<Record<string, string>> = {
  'doubling | fails after an event': 'data: again\n\n',
  'doubling | fails in a later turn': 'data: again\n\n',
  'retry | fails after an event': 'data: one\n\ndata: one\n\n',
  'startWith | fails after an event': 'data: one\n\n',
};

/** In this order: each gets what the one before has made of it. */
export const differences: readonly Difference[] = [
  {
    row: 'invented ids',
    apply: (outcome) => withText(outcome, (text) => text.replace(/^id: \d+\n/gm, '')),
  },
  {
    row: 'a type without data',
    apply: (outcome) => withText(outcome, (text) => text.replace(/^(event: .*\n)\n/gm, '$1data: \n\n')),
  },
  {
    row: 'what is no event',
    apply(outcome, { source, interceptor, visit }) {
      if (!isStream(outcome) || (source !== 'no event' && source !== 'line break in a type')) return outcome;
      // Nest's own sends nothing at all of the one, once its id is gone, and a changed type of the other.
      const blocks = outcome.text.replace(/^\n/, '').split(/(?<=^|\n)\n/);
      blocks.pop();
      const at = blocks.findIndex((block) => block === '' || block.startsWith('event: twolines\n'));
      if (at === -1) return outcome;
      const facts = outcome.facts.filter((fact) => fact !== 'complete');
      // In place of the handler, as a cache does: as on any other route.
      if (interceptor === 'cache' && source === 'no event' && visit > 0) return asJson(outcome, 200, { total: 1 });
      if (at === 0) return asJson({ ...outcome, facts }, 500, internal);
      const before = blocks.slice(0, at).map((block) => `${block}\n`);
      return { ...outcome, facts, text: before.join('') + errorEvent('Internal server error') };
    },
  },
  {
    row: 'events before a failure',
    apply(outcome, { interceptor, source }) {
      const dropped = droppedByNest[`${interceptor} | ${source}`];
      return dropped
        ? withText(outcome, (text) => text.replace('event: error\n', `${dropped}event: error\n`))
        : outcome;
    },
  },
  {
    row: 'while the handler is pending',
    apply(outcome, { source }) {
      if (source !== 'rejects late' && source !== 'pending') return outcome;
      const answer = answers.find(({ message }) => outcome.text.trim() === errorEvent(message).trim());
      return answer ? asJson(outcome, answer.getStatus(), answer.getResponse()) : outcome;
    },
  },
  {
    row: 'an error event',
    apply: (outcome) =>
      withText(outcome, (text) =>
        text.replace(/^event: error\ndata: (.*)\n/m, (event, message: string, at: number) => {
          const before = [...text.slice(0, at).matchAll(/^data: (.?)/gm)].map(([, first]) => first!);
          const isText = before.length > 0 && !before.some((first) => '{['.includes(first) && first !== '');
          const statusCode = statusOf[message] ?? answers.find((answer) => answer.message === message)?.getStatus();
          return isText ? event : `event: error\ndata: ${JSON.stringify({ message, statusCode })}\n`;
        }),
      ),
  },
  {
    row: 'an empty stream',
    nest: 11,
    apply: (outcome) =>
      outcome.status === 200 && outcome.text === '' && outcome.contentType === undefined
        ? { ...outcome, contentType: 'text/event-stream' }
        : outcome,
  },
  {
    row: 'a header of an interceptor',
    nest: 11,
    apply: (outcome, { interceptor, platform }) =>
      interceptor === 'a header' && platform.name !== 'express' ? { ...outcome, header: 'yes' } : outcome,
  },
];
