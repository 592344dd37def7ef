import { ConflictException, ForbiddenException } from '@nestjs/common';
import { Exclude, Expose } from 'class-transformer';
import {
  asyncScheduler,
  concat,
  concatMap,
  defer,
  EMPTY,
  from,
  map,
  of,
  scheduled,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import type { Run } from './ledger.js';

class User {
  name = 'Ada';
  @Exclude() password = '1234';
  @Expose({ groups: ['admin'] }) role = 'owner';
  @Expose() get initial() {
    return this.name[0];
  }
}

const letters = () => [
  { type: 'letter', data: { of: 'a' } },
  { type: 'letter', data: { of: 'b' } },
  { type: 'letter', data: { of: 'c' } },
];

/** One event in each turn, the first when the headers have left: what fails at it is after them in any case. */
function oneByOne<T>({ headersLeft }: Run, values: T[]): Observable<T> {
  return defer(headersLeft).pipe(
    concatMap(() => from(values).pipe(concatMap((value) => timer(0).pipe(map(() => value))))),
  );
}

/** What a handler returns, of the kinds that Nest's own `@Sse()` can stream. */
export const sources = {
  sync: () => from(letters()),
  async: (run) => oneByOne(run, letters()),
  promise: () => Promise.resolve(from(letters())),
  'async handler': async (run) => {
    await new Promise(setImmediate);
    return oneByOne(run, letters());
  },
  'every field': () =>
    from([
      { type: 'full', id: 'own-1', retry: 5_000, data: { n: 1 } },
      { data: 'two\nlines' },
      { id: 'own-2', data: '' },
      { retry: 100, data: 'soon' },
      { comment: 'aside' },
      { comment: 'and', data: 'text' },
    ]),
  strings: () => from(['plain', 'text']),
  'empty data': () => from([{ type: 'bell', data: '' }, { data: '' }]),
  'no data': () => from([{ type: 'bell' }, { data: 'after' }]),
  numbers: () => from([{ data: 7 }, { data: true }]),
  'no event': () => from([{ data: 'before' }, { total: 1 }]),
  'line break in a type': () => from([{ data: 'before' }, { type: 'two\nlines', data: 'x' }]),
  users: () => from([{ type: 'user', data: new User() }, { data: { list: [new User()] } }]),
  empty: () => EMPTY,
  'fails first': () => throwError(() => new ConflictException('taken')),
  'fails soon': () => defer(() => Promise.reject(new ConflictException('taken'))),
  'fails late': ({ headersLeft }) =>
    defer(headersLeft).pipe(concatMap(() => throwError(() => new ConflictException('taken')))),
  'fails after an event': () =>
    concat(
      of({ data: 'one' }),
      throwError(() => new Error('secret')),
    ),
  'fails in a later turn': (run) =>
    concat(
      oneByOne(run, [{ data: 'one' }]),
      throwError(() => new ConflictException('taken')),
    ),
  throws: (): unknown => {
    throw new ForbiddenException('not you');
  },
  rejects: () => Promise.reject(new ForbiddenException('not you')),
  'rejects late': async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    throw new ForbiddenException('not you');
  },
  /** Fails twice, and succeeds when it is called for the third time. */
  flaky: ({ ledger, id }) => {
    ledger.tell(id, 'called');
    return ledger.factsOf(id).filter((fact) => fact === 'called').length < 3
      ? throwError(() => new ConflictException('flaky'))
      : scheduled([{ data: 'at last' }], asyncScheduler);
  },
  /** A handler that never answers. */
  pending: () => new Promise<Observable<unknown>>(() => undefined),
} satisfies Record<string, (run: Run) => unknown>;

export type SourceName = keyof typeof sources;

declare const nestMajor: 11 | 12;

/** Those that end whatever the interceptor does. Nest 11's own never ends after a number. */
export const finiteSources = (Object.keys(sources) as SourceName[]).filter(
  (name) => name !== 'pending' && !(name === 'numbers' && nestMajor === 11),
);
