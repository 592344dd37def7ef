// Three projects, one for each pairing of Nest's major and module format that users run:
//   nest12       native ESM, the only way Nest 12 loads; everything under lib/ and test/
//   nest11-cjs   CommonJS through and through, as most Nest 11 applications run; test/e2e
//   nest11-esm   an ESM application on Nest 11's CommonJS packages; test/e2e
// A spec named *.cjs.spec.ts needs `require` and runs in nest11-cjs only.
// Native ESM needs `node --experimental-vm-modules`; the npm scripts pass it.

/** `short`: what `npm test` runs. `long`: what `npm run test:long` runs, the rest. `all`: both, for `npm run jest`. */
const part = process.env.TEST_PART ?? 'all';

/** What takes minutes: load, leaks, faults, clusters, browsers. As regular expressions, below the root. */
const longSpecs = [
  'test/browser/',
  'test/clients/(a2a|ag-ui|ai-sdk)\\.',
  'test/contract/backplanes\\.',
  'test/channels/(cut|delivery|heap|load|membership|slow-clients)\\.',
  'test/e2e/(limits|pipelining|retention|rights)\\.',
  'test/hardening/(backpressure|bursts|delivery|ends|leaks|replays|shutdown)\\.',
  'test/package/api-report\\.',
  'test/samples/',
  'test/redis/(cluster-.+|connections|faults|leases|nodes|productions|reads|redis-backplane|rollback.*|silence-check|unreadable)\\.',
];

/** On Nest 11 the short part is where the majors and module formats differ: how a response is taken over from Nest. */
const longOnNest11 = [
  'test/e2e/(?!(channels|exception-filters|guards-and-pipes|module|parameters|scopes|shutdown|takeover)\\.)',
];

/** In both parts: `short` has a part of the cases, `long` all of them. They know by the global `isShort`. */
const inBoth = 'test/(channels/channel-sets|clients/event-source|conformance/(last-event-id|round-trip)|e2e/parity)';

/** Patterns that leave out what belongs to the other part. */
function otherPart(long) {
  if (part === 'short') return long.map((one) => `<rootDir>/${one}`);
  if (part === 'long') return [`<rootDir>/(?!${[...long, inBoth].join('|')})`];
  return [];
}

/** Transpiles one file at a time; tsc checks the types apart. The module format follows the project. */
const swc = {
  swcrc: false,
  sourceMaps: 'inline',
  jsc: {
    target: 'es2022',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
    experimental: { keepImportAttributes: true },
  },
};

const swcTransform = { '^.+\\.ts$': ['@swc/jest', swc] };

// Source says './x.js' and means './x.ts'. The second candidate is for packages, whose './x.js' is just that.
const sourceNames = {
  '^(\\.{1,2}/.+)\\.js$': ['$1.ts', '$1.js'],
  '^nestjs-event-stream$': '<rootDir>/lib/index.ts',
  '^nestjs-event-stream/(backplane|backplane-testing|redis|testing)$': '<rootDir>/lib/$1/index.ts',
};

// Also for the imports inside Nest 11's own packages: a stray one would find Nest 12 at the root.
const nest11Names = { '^@nestjs/(.+)$': '<rootDir>/test/nest11/node_modules/@nestjs/$1' };

const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  transform: swcTransform,
  moduleNameMapper: sourceNames,
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/sample/.*/dist/'],
};

const esm = {
  extensionsToTreatAsEsm: ['.ts'],
  // In ESM `jest` is no free variable as it is in CommonJS; this makes `jest.fn()` mean the same in both.
  setupFiles: ['<rootDir>/test/support/jest-global.ts'],
};

// Published as ESM only. Jest's CommonJS runtime cannot `require` that, so it is compiled on the way in.
const esmOnlyPackages = ['eventsource', 'eventsource-parser'];

export default {
  // One worker per core of the reference machine: specs measure memory, more would disturb them.
  maxWorkers: 2,
  // A worker leaves with a heap of half a gigabyte, in which the modules of some fifty specs are. Node needs up to two seconds
  // on busy cores to free it, after its last event, with no handle open. What is still there later has been left open.
  workerGracefulExitTimeout: 15_000,
  // For what hangs. No spec may depend on how fast the machine is, so this is far more than any of them takes.
  testTimeout: 180_000,
  reporters: ['<rootDir>/test/support/plan-reporter.js', 'default'],
  projects: [
    {
      ...shared,
      ...esm,
      displayName: { name: 'nest12', color: 'green' },
      globals: { nestMajor: 12, moduleFormat: 'esm', isShort: part === 'short' },
      testMatch: [
        '<rootDir>/lib/**/*.spec.ts',
        '<rootDir>/test/{unit,e2e,channels,conformance,contract,following,redis,hardening,browser,clients,samples,package}/**/*.spec.ts',
      ],
      // These need a build and the registry: `npm run test:package`.
      testPathIgnorePatterns: [
        '/node_modules/',
        '\\.cjs\\.spec\\.ts$',
        '<rootDir>/test/package/(tarball|users)\\.spec\\.ts$',
        ...otherPart(longSpecs),
      ],
    },
    {
      ...shared,
      displayName: { name: 'nest11-cjs', color: 'yellow' },
      globals: { nestMajor: 11, moduleFormat: 'cjs', isShort: part === 'short' },
      testMatch: ['<rootDir>/test/e2e/**/*.spec.ts', '<rootDir>/test/**/*.cjs.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', ...otherPart(longOnNest11)],
      transform: {
        ...swcTransform,
        [`/node_modules/(${esmOnlyPackages.join('|')})/.+\\.js$`]: [
          '@swc/jest',
          { swcrc: false, jsc: { target: 'es2022' } },
        ],
      },
      transformIgnorePatterns: [`/node_modules/(?!(${esmOnlyPackages.join('|')})/)`],
      moduleNameMapper: { ...sourceNames, ...nest11Names },
    },
    {
      ...shared,
      ...esm,
      displayName: { name: 'nest11-esm', color: 'cyan' },
      globals: { nestMajor: 11, moduleFormat: 'esm', isShort: part === 'short' },
      testMatch: ['<rootDir>/test/e2e/**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.cjs\\.spec\\.ts$', ...otherPart(longOnNest11)],
      moduleNameMapper: { ...sourceNames, ...nest11Names },
    },
  ],
};
