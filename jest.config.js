// Three projects, so that one `npm test` proves every pairing of Nest's major and module format that users run:
//   nest12       native ESM, the only way Nest 12 loads; everything under lib/ and test/
//   nest11-cjs   CommonJS through and through, as most Nest 11 applications run; test/e2e
//   nest11-esm   an ESM application on Nest 11's CommonJS packages; test/e2e
// A spec named *.cjs.spec.ts needs `require` and runs in nest11-cjs only.
// Native ESM needs `node --experimental-vm-modules`; the npm scripts pass it.

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
  '^nestjs-event-stream/(redis|testing)$': '<rootDir>/lib/$1/index.ts',
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
  // One worker per core of the reference machine: specs measure time and memory, more would disturb them.
  maxWorkers: 2,
  testTimeout: 30_000,
  projects: [
    {
      ...shared,
      ...esm,
      displayName: { name: 'nest12', color: 'green' },
      globals: { nestMajor: 12, moduleFormat: 'esm' },
      testMatch: [
        '<rootDir>/lib/**/*.spec.ts',
        '<rootDir>/test/{unit,e2e,channels,conformance,contract,redis,hardening,browser,clients,package}/**/*.spec.ts',
      ],
      // tarball.spec.ts needs a build and the registry: `npm run test:package`.
      testPathIgnorePatterns: ['/node_modules/', '\\.cjs\\.spec\\.ts$', '<rootDir>/test/package/tarball\\.spec\\.ts$'],
    },
    {
      ...shared,
      displayName: { name: 'nest11-cjs', color: 'yellow' },
      globals: { nestMajor: 11, moduleFormat: 'cjs' },
      testMatch: ['<rootDir>/test/e2e/**/*.spec.ts', '<rootDir>/test/**/*.cjs.spec.ts'],
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
      globals: { nestMajor: 11, moduleFormat: 'esm' },
      testMatch: ['<rootDir>/test/e2e/**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.cjs\\.spec\\.ts$'],
      moduleNameMapper: { ...sourceNames, ...nest11Names },
    },
  ],
};
