// `node test/run.js short|long …`: one part of the suite (see jest.config.js); all else is handed to jest.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [part, ...args] = process.argv.slice(2);
const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
const flags = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules'];
const { status } = spawnSync(process.execPath, [...flags, jest, ...args], {
  stdio: 'inherit',
  env: { ...process.env, TEST_PART: part },
});
process.exitCode = status ?? 1;
