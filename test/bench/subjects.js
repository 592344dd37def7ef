/** What is compared. The first one that a scenario has is what its ratios are of. */
export const subjects = {
  node: { title: 'bare `node:http`, `res.write(Buffer)`', module: './subjects/node.js' },
  socket: { title: 'the limit: `socket.write` of a shared chunk', module: './subjects/socket.js' },
  express: { title: 'bare Express', module: './subjects/express.js' },
  fastify: { title: 'bare Fastify, hijacked', module: './subjects/fastify.js' },
  'ours-express': { title: '**this library, Express**', module: './subjects/library.js', platform: 'express' },
  'ours-fastify': { title: '**this library, Fastify**', module: './subjects/library.js', platform: 'fastify' },
  'nest-express': { title: 'Nest `@Sse`, Express', module: './subjects/nest.js', platform: 'express' },
  'nest-fastify': { title: 'Nest `@Sse`, Fastify', module: './subjects/nest.js', platform: 'fastify' },
  'better-sse': { title: 'better-sse', module: './subjects/better-sse.js' },
  'fastify-sse': { title: '@fastify/sse', module: './subjects/fastify-sse.js' },
  naive: { title: 'a template string' },
  ours: { title: '**this library**' },
  nest: { title: 'Nest `@Sse`' },
};
