// The flat config. eslint.config.js re-exports it, because ESLint 10 looks for that name only.
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix, relative, sep } from 'node:path';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const ground = ['protocol'];
const values = ['source', 'log', 'backplane'];
const engine = ['admission', 'broadcaster', 'production', 'subscription', 'replay', 'channel', 'rights', 'connection'];
const edge = ['http', 'lifecycle', 'observability'];
const nest = [/^@nestjs\/(common|core)(\/|$)/, /^rxjs(\/|$)/, /^reflect-metadata$/];

/** Built-ins that only compute. Those that open files, sockets or timers belong to connection/ and above. */
const pureBuiltins = [/^node:(buffer|crypto|string_decoder|util(\/types)?)$/];
/** Streams may be named as types, which costs nothing at run time; only who runs them imports the value. */
const streamTypes = [/^node:stream(\/web)?$/];
const anyBuiltin = [/^node:/];

/**
 * DESIGN.md section 3 as a table: a folder of lib/, the folders it may import, the modules it may import, and those it
 * may import for types alone. A folder that is not here may not exist. '' is lib/ itself, the wiring.
 */
const layers = {
  protocol: { folders: [], modules: pureBuiltins, types: streamTypes },
  source: { folders: ground, modules: pureBuiltins, types: streamTypes },
  log: { folders: ground, modules: pureBuiltins, types: streamTypes },
  backplane: { folders: ground, modules: pureBuiltins, types: streamTypes },
  connection: { folders: [...ground, 'source'], modules: anyBuiltin },
  rights: { folders: [...ground, 'connection'], modules: anyBuiltin },
  admission: { folders: [...ground, 'connection'], modules: anyBuiltin },
  channel: { folders: [...ground, ...values, 'connection'], modules: anyBuiltin },
  replay: { folders: [...ground, ...values, 'connection', 'channel'], modules: anyBuiltin },
  subscription: { folders: [...ground, ...values, 'connection', 'channel', 'replay'], modules: anyBuiltin },
  production: { folders: [...ground, ...values, 'channel'], modules: anyBuiltin },
  broadcaster: {
    folders: [...ground, ...values, 'connection', 'channel', 'replay', 'subscription', 'production'],
    modules: anyBuiltin,
  },
  http: { folders: [...ground, ...values, ...engine], modules: [...anyBuiltin, ...nest] },
  lifecycle: { folders: [...ground, ...values, ...engine], modules: [...anyBuiltin, ...nest] },
  observability: { folders: [...ground, ...values, ...engine], modules: [...anyBuiltin, ...nest] },
  inspector: {
    folders: [...ground, ...values, ...engine, 'http', 'observability'],
    modules: [...anyBuiltin, ...nest],
  },
  '': { folders: [...ground, ...values, ...engine, ...edge, 'inspector'], modules: [...anyBuiltin, ...nest] },
  following: { folders: [...ground, 'backplane'], modules: pureBuiltins },
  redis: { folders: [...ground, 'backplane', 'following'], modules: [...anyBuiltin, /^redis$/] },
  testing: { folders: [...ground, ...values, ...engine, ''], modules: [...anyBuiltin, ...nest] },
  'backplane-testing': { folders: [...ground, 'backplane'], modules: anyBuiltin },
};

/** Within lib/ itself: sse.module → sse.providers → sse.options, and the entry index.ts above all three. */
const wiring = ['sse.options', 'sse.providers', 'sse.module', 'index'];

/** The files of lib/ that a file imports, types included. Read once for each run. */
const imports = new Map();
function importsOf(lib, file) {
  if (!imports.has(file)) imports.set(file, readImports(lib, file));
  return imports.get(file);
}

function readImports(lib, file) {
  let text;
  try {
    text = readFileSync(posix.join(lib, `${file}.ts`), 'utf8');
  } catch {
    // A file that is not there is for the compiler to find.
    return [];
  }
  const names = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']*)'/g)];
  return names.map(([, name]) => targetOf(file, name));
}

/** A file of lib/, without its extension, as another one names it. */
function targetOf(file, name) {
  return posix.join(posix.dirname(file), name).replace(/\.[cm]?[jt]s$/, '');
}

/** How `from` imports `to`, through other files if need be: their names, or nothing. */
function pathBetween(lib, from, to) {
  const cameFrom = new Map([[from, undefined]]);
  for (const file of cameFrom.keys()) {
    if (file === to) {
      const path = [];
      for (let step = to; step !== undefined; step = cameFrom.get(step)) path.unshift(step);
      return path;
    }
    for (const next of importsOf(lib, file)) if (!cameFrom.has(next)) cameFrom.set(next, file);
  }
  return undefined;
}

/** @type {import('eslint').Rule.RuleModule} */
const arrowsPointDown = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      index: "No file imports an index: import the file that has '{{name}}' in it.",
      outside: 'lib/ imports nothing from outside lib/.',
      unknown: 'lib/{{folder}}/ is not in the table of layers (.eslintrc.js): which layer is it?',
      arrow: '{{from}} may not import {{to}}: arrows point down, never sideways (DESIGN.md section 3).',
      module: "{{from}} may not import '{{name}}': it is not a module for this layer (DESIGN.md section 3).",
      circle: 'Files may not import each other in a circle, not even types: {{circle}}.',
      types: "{{from}} may import '{{name}}' for types only.",
    },
  },
  create(context) {
    const lib = posix.join(context.cwd.split(sep).join('/'), 'lib');
    const file = relative(lib, context.filename).split(sep).join('/');
    const folderOf = (path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');
    const nameOf = (folder) => (folder === '' ? 'the wiring in lib/' : `${folder}/`);
    const folder = folderOf(file);
    const layer = layers[folder];
    const from = nameOf(folder);

    function check(node, typesOnly) {
      const name = node.source?.value;
      if (typeof name !== 'string') return;
      const report = (messageId, data = {}) =>
        context.report({ node: node.source, messageId, data: { name, from, folder, ...data } });

      if (!layer) return report('unknown');
      if (!name.startsWith('.')) {
        const specifier = builtinModules.includes(name) ? `node:${name}` : name;
        if (layer.modules.some((pattern) => pattern.test(specifier))) return;
        if (!layer.types?.some((pattern) => pattern.test(specifier))) return report('module');
        return typesOnly ? undefined : report('types');
      }

      const target = targetOf(file, name);
      if (target.startsWith('..')) return report('outside');
      // './' and '..' name a folder, which is its index by another spelling.
      if (/(^|\/)(index)?$/.test(target) || target === '.' || name.endsWith('.')) return report('index');
      const targetFolder = folderOf(target);
      if (targetFolder !== folder) {
        if (!layer.folders.includes(targetFolder)) return report('arrow', { to: nameOf(targetFolder) });
      } else if (folder === '') {
        const own = wiring.indexOf(file.replace(/\.ts$/, ''));
        const other = wiring.indexOf(target);
        if (own !== -1 && other >= own) return report('arrow', { from: file, to: target });
      }
      const path = pathBetween(lib, target, file.replace(/\.ts$/, ''));
      if (path) report('circle', { circle: [path.at(-1), ...path].join(' → ') });
    }

    /** `import { type A, type B }` is elided like `import type { A, B }`; a bare `import {}` is not. */
    const everySpecifierIsType = (node, kind) =>
      node.specifiers.length > 0 && node.specifiers.every((specifier) => specifier[kind] === 'type');

    return {
      ImportDeclaration: (node) => check(node, node.importKind === 'type' || everySpecifierIsType(node, 'importKind')),
      ExportNamedDeclaration: (node) =>
        check(node, node.exportKind === 'type' || everySpecifierIsType(node, 'exportKind')),
      ExportAllDeclaration: (node) => check(node, node.exportKind === 'type'),
      ImportExpression: (node) => check(node, false),
      TSImportType: (node) => check({ source: node.source ?? node.argument?.literal }, true),
      TSExternalModuleReference: (node) => check({ source: node.expression }, false),
    };
  },
};

export default defineConfig(
  { ignores: ['**/dist/', '**/node_modules/', 'coverage/', 'sample/**/public/', 'site/.vitepress/cache/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.base,
  {
    files: ['**/*.ts'],
    ignores: ['test/package/{consumer,users}/**'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-exports': ['error', { fixMixedExportsWithInlineTypeSpecifier: true }],
      // Under emitDecoratorMetadata the rule leaves alone a file that has decorators: a class named only in a decorated
      // constructor looks like a type and is a value, it is Nest's injection token.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-floating-promises': 'error',
      // `_name`: a parameter that a signature asks for and the body has no use for.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['lib/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    plugins: { layers: { rules: { 'arrows-point-down': arrowsPointDown } } },
    rules: {
      'layers/arrows-point-down': 'error',
      '@typescript-eslint/no-explicit-any': ['error', { fixToUnknown: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
    },
  },
  {
    // Jest's `expect` and supertest's chains are looser than a library may be.
    files: ['test/**/*.ts', '**/*.spec.ts', 'sample/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
