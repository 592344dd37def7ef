import { fastifySSE } from '@fastify/sse';
import { createEventBuffer } from 'better-sse';
import fastify from 'fastify';
import { readFileSync } from 'node:fs';
import { encodeEvent } from '../../lib/index.js';

const page = readFileSync('docs/COMPARISON.md', 'utf8');
const packageOf = (name: string) =>
  JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string };

describe('docs/COMPARISON.md', () => {
  it('is about the versions that are measured', () => {
    expect(page).toContain(`Nest ${packageOf('@nestjs/core').version},`);
    expect(page).toContain(`\`better-sse\` ${packageOf('better-sse').version},`);
    expect(page).toContain(`\`@fastify/sse\` ${packageOf('@fastify/sse').version},`);
  });

  it('has the ratios of the run that it names', () => {
    const [, file] = /`(test\/bench\/results\/.+\.md)`/.exec(page)!;
    const sections = readFileSync(file!, 'utf8').split(/^## /m);
    const subjects = [
      '**this library, Fastify**',
      '**this library, Express**',
      'Nest `@Sse`, Fastify',
      'Nest `@Sse`, Express',
      'better-sse',
      '@fastify/sse',
    ];
    const rows = {
      'an event to 1,000 clients, CPU for each': '`fanout-1000`',
      'ten events in one turn': '`ten`',
      'a generator to one client': '`generator`',
      'accepting a connection': '`accept`',
      'memory of an idle connection': '`idle`',
      '1,000 missed events to a client that comes back': '`replay`',
    };
    for (const [row, scenario] of Object.entries(rows)) {
      const section = sections.find((one) => one.split('\n')[0]!.includes(`(${scenario})`))!;
      const ratios = subjects.map((subject) => {
        const line = section.split('\n').find((one) => one.startsWith(`| ${subject} |`))!;
        return `× ${Number(line.split('|')[3]!.trim()).toPrecision(3)}`;
      });
      const claimed = page.split('\n').find((line) => line.startsWith(`| ${row} |`))!;
      const cells = claimed.split('|').slice(3, -1);
      expect([row, ...cells.map((cell) => `× ${Number(cell.replace('×', '')).toPrecision(3)}`)]).toEqual([
        row,
        ...ratios,
      ]);
    }
  });

  it('says what becomes of a line break in a type', async () => {
    const smuggled = /^data: smuggled$/m;
    const type = 'a\ndata: smuggled';
    expect(createEventBuffer().push('x', type).read()).toMatch(smuggled);
    const app = fastify();
    await app.register(fastifySSE);
    app.get('/', { sse: 'only' }, async (_, reply) => {
      await reply.sse.send({ event: type, data: 'x' });
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    expect(await (await fetch(url)).text()).toMatch(smuggled);
    await app.close();
    expect(() => encodeEvent({ type, data: 'x' })).toThrow(expect.objectContaining({ code: 'SSE_INVALID_TYPE' }));
  });
});
