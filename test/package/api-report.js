// What users can import, as declarations, by entry point. `npm run api` writes it to api-report.md; api-report.spec.ts
// fails when that file says something else. Left out: comments, and members that are private or `@internal`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');
export const reportFile = join(import.meta.dirname, 'api-report.md');

const printer = ts.createPrinter({ removeComments: true });

/** @returns {string} */
export function apiReport() {
  const entries = entryFiles();
  const program = declarationsOf(Object.values(entries));
  const checker = program.getTypeChecker();
  const original = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const exported = new Set();
  const sections = Object.entries(entries).map(([entry, file]) => {
    const names = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
    const renamed = names.filter((name) => name.name !== original(name).name);
    for (const name of names) exported.add(original(name));
    return section(
      entry,
      names.map(original),
      renamed.map((name) => `export { ${original(name).name} as ${name.name} };`),
    );
  });
  const behind = new Set();
  const visit = (node) => {
    const symbol = ts.isIdentifier(node) && checker.getSymbolAtLocation(node);
    if (symbol) follow(original(symbol));
    ts.forEachChild(node, visit);
  };
  const follow = (symbol) => {
    if (exported.has(symbol) || behind.has(symbol) || !declarations(symbol).some(isTopLevel)) return;
    behind.add(symbol);
    for (const declaration of declarations(symbol)) visit(publicPart(declaration));
  };
  for (const symbol of exported) for (const declaration of declarations(symbol)) visit(publicPart(declaration));
  const note = '# What can be imported\n\nWritten by `npm run api`. Change the code, not this file.\n';
  return [note, ...sections, section('Named by these, and not exported', [...behind])].join('\n');
}

/** Source files by what users write after `from`. */
function entryFiles() {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const conditional = Object.entries(exports).filter(([, target]) => typeof target !== 'string');
  return Object.fromEntries(
    conditional.map(([path, target]) => [
      name + path.slice(1),
      join(root, target.import.types.replace('./dist/esm/', 'lib/')),
    ]),
  );
}

/** A program of the declarations that the build would write for these files, in memory. */
function declarationsOf(files) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (name) => ts.sys.readFile(name));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const emit = { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, types: ['node'] };
  const texts = new Map();
  const sources = files.map((file) => file.replace(/\.d\.ts$/, '.ts'));
  ts.createProgram(sources, emit).emit(undefined, (name, text) => texts.set(resolve(name), text));
  const own = { noLib: true, types: [], module: options.module, moduleResolution: options.moduleResolution };
  const host = ts.createCompilerHost(own);
  host.fileExists = (name) => texts.has(name);
  host.readFile = (name) => texts.get(name);
  host.directoryExists = undefined;
  host.getSourceFile = (name, version) =>
    texts.has(name) ? ts.createSourceFile(name, texts.get(name), version) : undefined;
  return ts.createProgram(files, own, host);
}

const declarations = (symbol) => symbol.declarations ?? [];
const isTopLevel = ({ parent }) => ts.isSourceFile(parent) || ts.isVariableDeclarationList(parent);

/** A declaration without what is not for users. */
function publicPart(declaration) {
  if (ts.isVariableDeclaration(declaration)) return declaration.parent.parent;
  if (!ts.isClassDeclaration(declaration)) return declaration;
  const { modifiers, name, typeParameters, heritageClauses, members } = declaration;
  // What a class implements, its members say.
  const parents = heritageClauses?.filter(({ token }) => token === ts.SyntaxKind.ExtendsKeyword);
  const kept = members.filter(isPublic);
  return ts.factory.updateClassDeclaration(declaration, modifiers, name, typeParameters, parents, kept);
}

function isPublic(member) {
  const isHidden = ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private;
  if (isHidden || (member.name && ts.isPrivateIdentifier(member.name))) return false;
  return !ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');
}

function section(title, symbols, more = []) {
  const print = (one) => printer.printNode(ts.EmitHint.Unspecified, publicPart(one), one.getSourceFile());
  const texts = symbols
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((symbol) => declarations(symbol).map(print));
  return `## ${title}\n\n\`\`\`ts\n${[...new Set(texts), ...more].join('\n\n')}\n\`\`\`\n`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(reportFile, apiReport());
  console.log(relative(process.cwd(), reportFile));
}
