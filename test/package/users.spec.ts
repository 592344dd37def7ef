import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install, pack, run, writeJson } from './install.js';

const root = join(import.meta.dirname, '../..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');

/** How many tests `users/orders.tests.ts` has. */
const TESTS = 10;

let folder: string;
let nest11: string;
let nest12: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nestjs-event-stream-users-'));
  const { tarball } = await pack(folder);
  nest11 = join(folder, 'nest11');
  nest12 = join(folder, 'nest12');
  await install(nest11, 11, tarball, {
    '@nestjs/testing': '^11.0.0',
    '@types/jest': '^30.0.0',
    jest: '^30.0.0',
    'ts-jest': '^29.4.0',
    typescript: '~5.9.0',
  });
  await install(nest12, 12, tarball, { '@nestjs/testing': '^12.0.0', vitest: '^4.0.0' });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a user’s tests', () => {
  it('run in Jest with ts-jest, as CommonJS on Nest 11, with the settings of the CLI', async () => {
    const project = createProject(nest11, 'jest', 'commonjs', {
      module: 'commonjs',
      emitDecoratorMetadata: true,
      target: 'ES2021',
    });
    writeJson(join(project, 'jest.config.json'), {
      moduleFileExtensions: ['js', 'json', 'ts'],
      testRegex: '.*\\.spec\\.ts$',
      transform: { '^.+\\.(t|j)s$': 'ts-jest' },
      testEnvironment: 'node',
      // The files of the application are ES modules in the other two.
      moduleNameMapper: { '^(\\./.+)\\.js$': '$1' },
    });
    // Jest writes to the standard error; and it would take these flags of ours for its own.
    const { stderr } = await run(process.execPath, [join(nest11, 'node_modules/jest/bin/jest.js'), '--ci'], {
      cwd: project,
      env: ownEnvironment(),
    });
    expect(stderr).toMatch(new RegExp(`^Tests: +${TESTS} passed, ${TESTS} total$`, 'm'));
    expect(stderr).not.toMatch(/did not exit/);
  });

  it('run in Vitest, on Nest 12', async () => {
    const project = createProject(nest12, 'vitest', 'module', {});
    writeFileSync(join(project, 'vitest.config.js'), 'export default {};\n');
    const vitest = join(nest12, 'node_modules/vitest/vitest.mjs');
    const { stdout } = await run(process.execPath, [vitest, 'run', '--no-color'], {
      cwd: project,
      env: ownEnvironment(),
    });
    expect(stdout).toMatch(new RegExp(`Tests +${TESTS} passed \\(${TESTS}\\)`));
  });

  it('run in node:test, on Nest 12', async () => {
    const project = createProject(nest12, 'node', 'module', {});
    await run(process.execPath, [tsc, '-p', '.'], { cwd: project });
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', 'dist/orders.spec.js'], {
      cwd: project,
      env: ownEnvironment(),
    });
    expect(stdout).toMatch(new RegExp(`^# pass ${TESTS}$`, 'm'));
    expect(stdout).toMatch(/^# fail 0$/m);
  });
});

/** Without what this run of Jest tells its own children. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const { JEST_WORKER_ID: _worker, NODE_OPTIONS: _options, NODE_ENV: _env, ...env } = process.env;
  return env;
}

function createProject(application: string, runner: string, type: string, options: object): string {
  const project = join(application, runner);
  mkdirSync(project);
  const users = join(import.meta.dirname, 'users');
  cpSync(join(users, 'orders.ts'), join(project, 'orders.ts'));
  cpSync(join(users, 'orders.tests.ts'), join(project, 'orders.spec.ts'));
  cpSync(join(users, `runner.${runner}.ts`), join(project, 'runner.ts'));
  writeJson(join(project, 'package.json'), { private: true, type });
  writeJson(join(project, 'tsconfig.json'), {
    compilerOptions: {
      target: 'es2022',
      lib: ['es2022'],
      module: 'nodenext',
      strict: true,
      experimentalDecorators: true,
      esModuleInterop: true,
      skipLibCheck: true,
      types: runner === 'jest' ? ['node', 'jest'] : ['node'],
      rootDir: '.',
      outDir: 'dist',
      ...options,
    },
    include: ['*.ts'],
  });
  return project;
}
