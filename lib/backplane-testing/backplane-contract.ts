import type { SseBackplaneSubject } from './backplane-subject.js';
import { ContractStage, type ContractCases } from './contract-stage.js';
import { historyCases } from './history-cases.js';
import { keyCases } from './key-cases.js';
import { lifeCases } from './life-cases.js';
import { nodeCases } from './node-cases.js';
import { producerCases } from './producer-cases.js';
import { publishCases } from './publish-cases.js';
import { readCases } from './read-cases.js';
import { signalCases } from './signal-cases.js';
import { timeCases } from './time-cases.js';

/**
 * One promise of the port, to be run by any test runner.
 *
 * @publicApi
 */
export interface SseContractCase {
  /** Which part of the port it belongs to: `reading`, say. */
  readonly ability: string;
  readonly name: string;
  /** Rejects with what is broken. */
  run(): Promise<void>;
}

/**
 * Everything that `SseBackplane` and its abilities promise, as cases: run them against your own implementation.
 *
 * They use channels that nobody else has, wait for facts and never for time, and throw an `AssertionError` for a promise that
 * is broken. A backplane without an ability is not asked for it.
 *
 * @example
 * for (const { name, run } of backplaneContract({ open: () => new MyBackplane(), isShared: true })) it(name, run);
 *
 * @publicApi
 */
export function backplaneContract(subject: SseBackplaneSubject): SseContractCase[] {
  return Object.entries(ABILITIES).flatMap(([ability, cases]) =>
    Object.entries(cases)
      .filter(([, { needsTwoNodes }]) => subject.isShared || !needsTwoNodes)
      .map(([name, one]) => ({
        ability,
        name,
        run: async () => {
          const stage = new ContractStage(subject);
          try {
            await one.check(stage);
          } finally {
            await stage.close();
          }
        },
      })),
  );
}

const ABILITIES: Readonly<Record<string, ContractCases>> = {
  'publishing and subscribing': publishCases,
  reading: readCases,
  'keeping a history': historyCases,
  'starts and ends': lifeCases,
  keys: keyCases,
  times: timeCases,
  producing: producerCases,
  signals: signalCases,
  'health and closing': nodeCases,
};
