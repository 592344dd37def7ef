import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { install, pack, run, writeJson } from './install.js';

const root = join(import.meta.dirname, '../..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');

/** What the types and the code of the main entry may name: its peers, and Node. Optional peers have own entries. */
const mainEntryModules = /^(node:.+|@nestjs\/(common|core)(\/.+)?|rxjs|reflect-metadata)$/;

/** The compiler options of a `nest new` before Nest 12. TypeScript 6 calls its `node` by the name `node10`. */
const classicStarter = {
  module: 'commonjs',
  moduleResolution: 'node10',
  ignoreDeprecations: '6.0',
  declaration: true,
  removeComments: true,
  allowSyntheticDefaultImports: true,
  esModuleInterop: undefined,
  target: 'ES2021',
  sourceMap: true,
  baseUrl: './',
  incremental: true,
};

interface Manifest {
  exports: Record<string, string | Record<'import' | 'require', { types: string; default: string }>>;
  dependencies?: Record<string, string>;
}

let folder: string;
let tarball: string;
/** The unpacked tarball. */
let unpacked: string;
/** Its files, relative to it. */
let files: string[];
let manifest: Manifest;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nestjs-event-stream-'));
  ({ tarball, files } = await pack(folder));
  await run('tar', ['-xzf', tarball, '-C', folder]);
  unpacked = join(folder, 'package');
  manifest = JSON.parse(read('package.json')) as Manifest;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (file: string) => readFileSync(join(unpacked, file), 'utf8');

/** Every module that a file names: imports, re-exports, `require`, `import()` and `import()` types. */
function modulesOf(file: string): string[] {
  // A comment may show an import in an example.
  const code = read(file)
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/^\s*\/\/(?!\/).*$/gm, '');
  const named =
    /(?:(?<!['".])\bfrom\s*|\bimport\s*|\bimport\s*\(\s*|\brequire\s*\(\s*|<reference types=)(['"])(.+?)\1/g;
  return [...code.matchAll(named)].map((match) => match[2] ?? '');
}

/** The foreign modules that are reached from an entry by following its relative imports. */
function foreignModulesOf(entry: string): string[] {
  const seen = new Set<string>();
  const foreign = new Set<string>();
  const follow = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const name of modulesOf(file)) {
      if (!name.startsWith('.')) foreign.add(name);
      else follow(join(dirname(file), entry.endsWith('.d.ts') ? name.replace(/\.js$/, '.d.ts') : name));
    }
  };
  follow(join(entry));
  return [...foreign].sort();
}

describe('the tarball', () => {
  it('holds the two builds and the papers, nothing else', () => {
    const wanted =
      /^(package\.json|LICENSE|README\.md|ARCHITECTURE\.md|CHANGELOG\.md|dist\/cjs\/package\.json|docs\/[A-Z-]+\.md)$/;
    const built = /^dist\/(esm|cjs)\/(?!.*\.spec\.)[^.][a-z0-9/.-]*\.(js|js\.map|d\.ts)$/;
    expect(files.filter((file) => !wanted.test(file) && !built.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'docs/MOVING.md', 'dist/cjs/package.json']));
  });

  it('has every module in both formats, with types and a source map', () => {
    const namesIn = (format: string, ending: string) =>
      files
        .filter((file) => file.startsWith(`dist/${format}/`) && file.endsWith(ending))
        .map((file) => file.slice(`dist/${format}/`.length, -ending.length))
        .sort();
    const names = namesIn('esm', '.js');
    expect(names).toContain('index');
    for (const format of ['esm', 'cjs']) {
      for (const ending of ['.js', '.js.map', '.d.ts']) expect(namesIn(format, ending)).toEqual(names);
    }
  });

  it('maps every line to a source that the map carries, because lib/ is not shipped', () => {
    for (const file of files.filter((name) => name.endsWith('.map'))) {
      const map = JSON.parse(read(file)) as { sources: string[]; sourcesContent?: (string | null)[] };
      expect([file, map.sourcesContent?.filter((content) => content !== null).length]).toEqual([
        file,
        map.sources.length,
      ]);
    }
  });

  it('exports only files that it has', () => {
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string'
        ? [target]
        : [target.import, target.require].flatMap((condition) => [condition.types, condition.default]),
    );
    expect(targets.filter((target) => !existsSync(join(unpacked, target)))).toEqual([]);
  });

  it('depends on nothing at run time but its peers', () => {
    expect(manifest.dependencies ?? {}).toEqual({});
  });

  it.each(['dist/esm/index.d.ts', 'dist/cjs/index.d.ts', 'dist/esm/index.js', 'dist/cjs/index.js'])(
    'names no optional peer anywhere behind the main entry: %s',
    (entry) => {
      expect(foreignModulesOf(entry).filter((name) => !mainEntryModules.test(name))).toEqual([]);
    },
  );
});

describe.each([11, 12])('an application on Nest %i', (major) => {
  let application: string;

  beforeAll(async () => {
    application = join(folder, `nest${major}`);
    await install(application, major, tarball);
  });

  it('has the Nest that it asked for', () => {
    const core = readFileSync(join(application, 'node_modules/@nestjs/core/package.json'), 'utf8');
    expect((JSON.parse(core) as { version: string }).version).toMatch(new RegExp(`^${major}\\.`));
  });

  it.each([
    ['CommonJS', 'commonjs'],
    ['ESM', 'module'],
  ])('compiles as %s with no complaint about our types, streams, and exits by itself', async (_format, type) => {
    const project = createProject(application, type, { module: 'nodenext' });
    expect(await complaintsOf(project)).toEqual([]);
    // Exit code 0 within the time: `run` rejects otherwise.
    const { stdout, stderr } = await run(process.execPath, ['dist/main.js'], { cwd: project, timeout: 30_000 });
    expect(stdout.trim().split('\n').at(-1)).toBe('ok');
    // Node announces that require() of an ES module is experimental, as Nest 12 is from CommonJS.
    expect(stderr.replace(/^.*(ExperimentalWarning|--trace-warnings).*$/gm, '').trim()).toBe('');
  });

  it('finds our types with moduleResolution bundler', async () => {
    const options = { module: 'esnext', moduleResolution: 'bundler' };
    expect(await complaintsOf(createProject(application, 'commonjs', options, 'bundler'))).toEqual([]);
  });

  // Blind to "exports": what Nest's starter asked for until lately. Nest 12 has types for newer ones only.
  if (major === 11) {
    it('compiles with the tsconfig.json of the classic starter, subpaths included, and runs', async () => {
      const project = createProject(application, 'commonjs', classicStarter, 'classic');
      expect(await complaintsOf(project)).toEqual([]);
      const { stdout } = await run(process.execPath, ['dist/main.js'], { cwd: project, timeout: 30_000 });
      expect(stdout.trim().split('\n').at(-1)).toBe('ok');
    });
  }

  it('may load both builds: what one of them made works in the other', async () => {
    const project = createProject(application, 'module', { module: 'nodenext' }, 'both', 'both-builds.ts');
    expect(await complaintsOf(project)).toEqual([]);
    const { stdout } = await run(process.execPath, ['dist/both-builds.js'], { cwd: project, timeout: 30_000 });
    expect(stdout.trim().split('\n').at(-1)).toBe('ok');
  });
});

/** A project of its own in the application: the consumer, a module format, and the compiler options that vary. */
function createProject(application: string, type: string, options: object, name = type, file = 'main.ts'): string {
  const project = join(application, name);
  mkdirSync(project);
  cpSync(join(import.meta.dirname, 'consumer', file), join(project, file));
  writeJson(join(project, 'package.json'), { private: true, type });
  writeJson(join(project, 'tsconfig.json'), {
    compilerOptions: {
      target: 'es2022',
      lib: ['es2022'],
      strict: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      esModuleInterop: true,
      skipLibCheck: false,
      types: ['node'],
      rootDir: '.',
      outDir: 'dist',
      ...options,
    },
    files: [file],
  });
  return project;
}

/** The compiler's errors in the consumer and in our types; what is wrong in others' types is not ours to mend. */
async function complaintsOf(project: string): Promise<string[]> {
  const output = await run(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: project }).then(
    ({ stdout }) => stdout,
    (error: Error & { stdout?: string }) => {
      if (!error.stdout) throw error;
      return error.stdout;
    },
  );
  return output.split('\n').filter((line) => {
    if (!/error TS\d+/.test(line)) return false;
    return !/^[./]*node_modules\//.test(line) || /^[./]*node_modules\/nestjs-event-stream\//.test(line);
  });
}
