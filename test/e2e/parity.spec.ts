import 'reflect-metadata';
import { Sse as NestSse } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Sse, SseModule } from '../../lib/index.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { differences, type Case } from './parity/differences.js';
import { interceptors } from './parity/interceptors.js';
import { Ledger } from './parity/ledger.js';
import { notYet } from './parity/not-yet.js';
import { decode, observe, type Decoded } from './parity/observe.js';
import { build, pathOf, places, placesOn, sourcesOf, type SseDecorator } from './parity/places.js';

declare const nestMajor: 11 | 12;

/** The rows of the table of docs/MOVING.md that this file holds, by the name in the first column. */
const table = readFileSync(resolve('docs/MOVING.md'), 'utf8').split('<!-- parity -->')[1] ?? '';
const rows = [...table.matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map(([, name]) => name!);
const known = differences.filter(({ nest }) => nest === undefined || nest === nestMajor);
const seen = new Set<string>();

// The same controllers and interceptors twice, with Nest's own @Sse() and with ours: what a client sees is the same, but
// for the rows of a table. A difference without a row fails, and so does a row without a difference.
describe.each(platforms.filter(({ http2 }) => !http2))("as with Nest's own, on $name", (platform) => {
  describe.each(placesOn(platform))('an interceptor at %s', (place) => {
    const ledger = new Ledger();
    let nest: Running;
    let ours: Running;

    beforeAll(async () => {
      const [theirs, own] = [NestSse as SseDecorator, Sse as unknown as SseDecorator].map((sse) =>
        build(sse, place, ledger),
      );
      nest = await start(platform, theirs!.metadata, theirs!.configure);
      ours = await start(platform, { ...own!.metadata, imports: [SseModule.forRoot()] }, own!.configure);
    });
    afterAll(async () => {
      await nest.app.close();
      await ours.app.close();
    });

    /** What ours must do: what Nest's own does, but for the table. */
    const expected = async (asked: Case, path: string, lastFact?: string): Promise<Decoded> => {
      let outcome = await observe(nest, path, ledger, lastFact);
      for (const { row, apply } of known) {
        const changed = apply(outcome, asked);
        if (changed !== outcome && JSON.stringify(changed) !== JSON.stringify(outcome)) seen.add(row);
        outcome = changed;
      }
      return decode(outcome);
    };

    for (const [interceptor, one] of Object.entries(interceptors)) {
      const compare = async () => {
        for (let visit = 0; visit < (one.visits ?? 1); visit++) {
          const results = sourcesOf(one).map(async (source) => {
            const path = pathOf(interceptor, source);
            return [
              [source, await expected({ platform, interceptor, source, visit }, path, one.lastFact)],
              [source, decode(await observe(ours, path, ledger, one.lastFact))],
            ] as const;
          });
          const pairs = await Promise.all(results);
          expect(Object.fromEntries(pairs.map(([, own]) => own))).toEqual(
            Object.fromEntries(pairs.map(([theirs]) => theirs)),
          );
        }
      };
      if (notYet.includes(`${place}: ${interceptor}`)) it.failing(`${interceptor}, not yet`, compare);
      else it(interceptor, compare);
    }
  });
});

describe('docs/MOVING.md', () => {
  it('has a row for each difference, and no other', () => {
    expect(rows).toEqual(differences.map(({ row }) => row));
  });

  it('has no row whose difference is gone', () => {
    expect([...seen].sort()).toEqual(known.map(({ row }) => row).sort());
  });

  it('has no case left that is not yet as it should be', () => {
    const cases = places.flatMap((place) => Object.keys(interceptors).map((name) => `${place}: ${name}`));
    expect(notYet.filter((name) => !cases.includes(name))).toEqual([]);
  });
});
