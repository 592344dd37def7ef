import { jest } from '@jest/globals';

// Jest's CommonJS runtime hands every file its own `jest`; native ESM gets none. `jest.mock` cannot work this way
// (nothing hoists it), and is not missed: tests here use real collaborators.
(globalThis as { jest?: unknown }).jest = jest;
