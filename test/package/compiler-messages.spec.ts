import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');
const file = join(import.meta.dirname, 'consumer/wrong-uses.ts');

/** What the compiler says of the file, by the text of the line. */
function complaints(): ReadonlyMap<string, string> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (name) => ts.sys.readFile(name));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram([file], options);
  const source = program.getSourceFile(file)!;
  const lines = source.text.split('\n');
  return new Map(
    ts.getPreEmitDiagnostics(program, source).map(({ start = 0, messageText }) => {
      const { line } = source.getLineAndCharacterOfPosition(start);
      return [lines[line]!.trim(), ts.flattenDiagnosticMessageText(messageText, '\n')];
    }),
  );
}

describe('what the compiler says', () => {
  it('names what was expected, and complains of nothing else', () => {
    expect([...complaints()]).toEqual([
      [expect.stringContaining("'deleted'"), `Type '"deleted"' is not assignable to type '"created" | "cancelled"'.`],
      [expect.stringContaining("'created'"), expect.stringMatching(/Property 'total' is missing in type/)],
      [
        '@Sse() number(): number {',
        expect.stringMatching(
          /'An @Sse\(\) handler returns a source of events, an SseResponse, or null; this one returns': number/,
        ),
      ],
    ]);
  });
});
