/** What is compared. The first one that a scenario has is what its ratios are of. */
export const subjects = {
  node: { title: 'bare `node:http`, `res.write(Buffer)`', module: './subjects/node.js' },
  socket: { title: 'the limit: `socket.write` of a shared chunk', module: './subjects/socket.js' },
  express: { title: 'bare Express', module: './subjects/express.js' },
  fastify: { title: 'bare Fastify, hijacked', module: './subjects/fastify.js' },
  'ours-express': { title: '**this library, Express**', module: './subjects/library.js', platform: 'express' },
  'ours-fastify': { title: '**this library, Fastify**', module: './subjects/library.js', platform: 'fastify' },
  'ours-express-subject': {
    ...observing('express'),
    title: 'this library, Express, a `Subject` instead of a channel',
  },
  'ours-fastify-subject': {
    ...observing('fastify'),
    title: 'this library, Fastify, a `Subject` instead of a channel',
  },
  'nest-express': { title: 'Nest `@Sse`, Express', module: './subjects/nest.js', platform: 'express' },
  'nest-fastify': { title: 'Nest `@Sse`, Fastify', module: './subjects/nest.js', platform: 'fastify' },
  'ours-express-intercepted': {
    ...intercepted('library', 'express'),
    source: 'subject',
    title: 'this library, Express, a `Subject`, a global interceptor',
  },
  'ours-fastify-intercepted': {
    ...intercepted('library', 'fastify'),
    source: 'subject',
    title: 'this library, Fastify, a `Subject`, a global interceptor',
  },
  'nest-express-intercepted': {
    ...intercepted('nest', 'express'),
    title: 'Nest `@Sse`, Express, a global interceptor',
  },
  'nest-fastify-intercepted': {
    ...intercepted('nest', 'fastify'),
    title: 'Nest `@Sse`, Fastify, a global interceptor',
  },
  'nest-get-express': {
    title: 'Nest `@Get` that writes the headers by hand, Express',
    module: './subjects/nest-get.js',
    platform: 'express',
  },
  'nest-get-fastify': {
    title: 'Nest `@Get` that writes the headers by hand, Fastify',
    module: './subjects/nest-get.js',
    platform: 'fastify',
  },
  'better-sse': { title: 'better-sse', module: './subjects/better-sse.js' },
  'fastify-sse': { title: '@fastify/sse', module: './subjects/fastify-sse.js' },
  memory: { ...onNodes(1), title: 'in memory, 1 node', usesRedis: false },
  'redis-1': { ...onNodes(1), title: 'Redis, 1 node' },
  'redis-2': { ...onNodes(2), title: 'Redis, 2 nodes' },
  'redis-3': { ...onNodes(3), title: 'Redis, 3 nodes' },
  'answer-unstored': { ...answers('unstored'), title: 'no storing: the source is what the handler returns' },
  'answer-each': { ...answers('each'), title: '`produce()`, each token an event' },
  'answer-batch': { ...answers('batch'), title: '**`produce()` with `batch: true`**' },
  'answer-resumable': { ...answers('resumable'), title: 'resumable-stream' },
  naive: { title: 'a template string' },
  ours: { title: '**this library**' },
  nest: { title: 'Nest `@Sse`' },
};

/** An answer by the same application, kept in different ways. */
function answers(source) {
  return { module: './subjects/answers.js', platform: 'fastify', source, usesRedis: true };
}

/** This library on several nodes. */
function onNodes(nodes) {
  return { module: './subjects/library.js', platform: 'fastify', nodes, usesRedis: true };
}

/** This library doing no more than Nest's own: a channel is more than a `Subject`, and each client is told its position. */
function observing(platform) {
  return { module: './subjects/library.js', platform, source: 'subject' };
}

/** An application with one interceptor, which changes nothing. */
function intercepted(subject, platform) {
  return { module: `./subjects/${subject}.js`, platform, isIntercepted: true };
}
