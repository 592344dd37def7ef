import { join } from 'node:path';
import ts from 'typescript';
import type { Block } from './papers.js';

/** Where a name comes from that a block does not import. The last is what a reader's application has. */
export const SOURCES = [
  'nestjs-event-stream',
  'nestjs-event-stream/backplane',
  'nestjs-event-stream/redis',
  'nestjs-event-stream/testing',
  'nestjs-event-stream/backplane-testing',
  '@nestjs/common',
  '@nestjs/core',
  'rxjs',
  'node:crypto',
  './test/support/paper-names.js',
];

const root = process.cwd();

const options: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), (name) => ts.sys.readFile(name)).config,
    ts.sys,
    root,
  ).options,
  types: ['node', 'jest'],
};

/** What the compiler says of a line. */
export interface Complaint {
  readonly place: string;
  readonly line: string;
  readonly message: string;
}

/** What the compiler says of the blocks. */
export function compile(blocks: readonly Block[]): Complaint[] {
  const probe = join(root, 'paper-sources.ts');
  const text = SOURCES.map((source, index) => `export * as s${index} from '${source}';`).join('\n');
  const parsed = new Map<string, ts.SourceFile | undefined>();
  const sources = ts.createProgram([probe], options, hostOf(new Map([[probe, text]]), parsed));
  const exported = exportsOf(sources, probe);
  const names = blocks.map(({ code }, index) => join(root, /^\/\/ (\S+\.ts)$/m.exec(code)?.[1] ?? `paper-${index}.ts`));
  const files = new Map(blocks.map(({ code }, index) => [names[index]!, moduleOf(code, exported)]));
  const program = ts.createProgram(names, options, hostOf(files, parsed));
  return blocks.flatMap(({ place }, index) => {
    const file = program.getSourceFile(names[index]!);
    return ts.getPreEmitDiagnostics(program, file).map(({ start = 0, messageText }) => {
      const line = file ? file.text.split('\n')[file.getLineAndCharacterOfPosition(start).line]!.trim() : '';
      return { place, line, message: ts.flattenDiagnosticMessageText(messageText, '\n') };
    });
  });
}

/** @param parsed what was read from the disk: parsing the types of the packages takes longest, and is done once */
function hostOf(files: ReadonlyMap<string, string>, parsed: Map<string, ts.SourceFile | undefined>): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    fileExists: (name) => files.has(name) || host.fileExists(name),
    readFile: (name) => files.get(name) ?? host.readFile(name),
    getSourceFile: (name, language) => {
      const text = files.get(name);
      if (text !== undefined) return ts.createSourceFile(name, text, language);
      if (!parsed.has(name)) parsed.set(name, host.getSourceFile(name, language));
      return parsed.get(name);
    },
  };
}

/** The names that each of the sources exports. */
function exportsOf(program: ts.Program, probe: string): ReadonlyMap<string, readonly string[]> {
  const checker = program.getTypeChecker();
  const modules = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(probe)!)!);
  return new Map(
    modules.map((module, index) => [
      SOURCES[index]!,
      checker.getExportsOfModule(checker.getAliasedSymbol(module)).map(({ name }) => name),
    ]),
  );
}

/**
 * A block as a module: in a class `Example` or a method of it if it is a part of one, and with the imports that it leaves out.
 *
 * @param exported the names that each module exports
 */
export function moduleOf(code: string, exported: ReadonlyMap<string, readonly string[]>): string {
  const whole = wholeOf(code);
  const missing = namesUsed(whole);
  const imports = [...exported].map(([source, names]) => {
    return `import { ${names.filter((name) => missing.delete(name)).join(', ')} } from '${source}';`;
  });
  return `${imports.join(' ')}\n${whole}\nexport {};\n`;
}

function wholeOf(code: string): string {
  if (isModule(code)) return code;
  const services = code.includes('constructor(') ? '' : 'export interface Example extends Services {}\n';
  const members = `export class Example {\n${code}}`;
  return services + (parses(members) ? members : `export class Example {\nasync example() {\n${code}}}`);
}

function isModule(code: string): boolean {
  return parses(code) && !/^\s*(?!\*|\/\/).*\bthis\./m.test(code.replace(/^(@|export )*.*\bclass [^]*?^}/gm, ''));
}

function parses(code: string): boolean {
  const file = ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022);
  // Internal, and a hundred times faster than the public way, which is to transpile it.
  return (file as unknown as { readonly parseDiagnostics: readonly unknown[] }).parseDiagnostics.length === 0;
}

/** The names that a module uses and does not declare. */
function namesUsed(code: string): Set<string> {
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) used.add(node.text);
    const { name } = node as Partial<ts.NamedDeclaration>;
    const isBinding =
      !ts.isPropertyAccessExpression(node) && !ts.isPropertyAssignment(node) && !ts.isMethodDeclaration(node);
    if (name && ts.isIdentifier(name) && isBinding && !ts.isPropertyDeclaration(node) && !ts.isPropertySignature(node))
      declared.add(name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022));
  return new Set([...used].filter((name) => !declared.has(name)));
}
