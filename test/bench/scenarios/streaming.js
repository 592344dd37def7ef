/** The subjects that serve event streams, all of them: each scenario with a server compares these. */
export const STREAMING = [
  'node',
  'socket',
  'express',
  'fastify',
  'ours-express',
  'ours-fastify',
  'nest-express',
  'nest-fastify',
  'better-sse',
  'fastify-sse',
];

/** Those that differ in how a connection is opened: the limit of writing opens one as bare `node:http` does. */
export const OPENING = STREAMING.filter((name) => name !== 'socket');
