import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Complaint } from '../support/paper-code.js';
import { blocksOf, manuals, type Block } from '../support/papers.js';

const here = import.meta.dirname;

/** What the compiler says of the blocks. It runs in a process of its own: in Jest's sandbox it takes four times as long. */
function complaintsOf(blocks: readonly Block[]): Complaint[] {
  const loader = join(here, '../support/ts-loader.mjs');
  const program = ['--disable-warning=ExperimentalWarning', '--import', loader, join(here, 'compile-blocks.ts')];
  const output = execFileSync(process.execPath, program, { input: JSON.stringify(blocks), encoding: 'utf8' });
  return JSON.parse(output) as Complaint[];
}

describe('the compiler', () => {
  let complaints: Complaint[];
  const of = (place: string) => complaints.filter((complaint) => complaint.place === place);

  beforeAll(() => {
    const wrongUses = readFileSync(join(here, 'consumer/wrong-uses.ts'), 'utf8');
    complaints = complaintsOf([
      ...manuals.flatMap(blocksOf).filter(({ language }) => language === 'ts'),
      { place: 'wrong', language: 'ts', code: 'new SseQueue({ size: 1 });' },
      { place: 'wrong uses', language: 'ts', code: wrongUses },
    ]);
  });

  it('takes the code in README.md and docs/', () => {
    expect(complaints.filter(({ place }) => !place.startsWith('wrong'))).toEqual([]);
    // That this one is found wrong proves that the compiler sees the others.
    expect(of('wrong')).toEqual([expect.objectContaining({ message: expect.stringMatching(/'size' does not exist/) })]);
  });

  it('names what was expected of a wrong use, and complains of nothing else', () => {
    expect(of('wrong uses').map(({ line, message }) => [line, message])).toEqual([
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
