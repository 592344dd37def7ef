// `npm run test:package`: needs dist/ and the npm registry, which `npm test` does not.
import root from '../../jest.config.js';

const [nest12] = root.projects;

export default {
  ...nest12,
  displayName: { name: 'package', color: 'magenta' },
  testMatch: ['<rootDir>/test/package/(tarball|users).spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // Four installs of Nest into empty folders; a cold npm cache takes a minute or two.
  testTimeout: 300_000,
};
