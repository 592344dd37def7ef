import { join } from 'node:path';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

const root = join(import.meta.dirname, '../..');
const rule = 'layers/arrows-point-down';

// The project's own configuration, only without types: the snippets are in no tsconfig.
const eslint = new ESLint({
  cwd: root,
  overrideConfig: [{ files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }],
});

/** What the layer rule says of a statement in a file of lib/, by message id. */
async function arrowsOf(file: string, statement: string): Promise<string[]> {
  const results = await eslint.lintText(`${statement}\n`, { filePath: join(root, 'lib', file) });
  const messages = results.flatMap((result) => result.messages);
  // A snippet that does not parse, or a file that is ignored, would prove nothing.
  expect(messages.filter((message) => message.fatal || message.ruleId === null)).toEqual([]);
  return messages.filter((message) => message.ruleId === rule).map((message) => message.messageId ?? '');
}

describe('the layers of lib/', () => {
  describe('allow an arrow that points down', () => {
    it.each([
      ['source/source.ts', "import { SseError } from '../protocol/sse-error.js';"],
      ['source/queue.ts', "import { toSource } from './source.js';"],
      ['source/source.ts', "import { type Readable } from 'node:stream';"],
      ['protocol/frame.ts', "import { Buffer } from 'node:buffer';"],
      ['log/event-log.ts', "import { Frame } from '../protocol/frame.js';"],
      ['backplane/memory.ts', "import { randomBytes } from 'node:crypto';"],
      ['connection/connection.ts', "import { Source } from '../source/source.js';"],
      ['connection/direct-writer.ts', "import { ServerResponse } from 'node:http';"],
      ['channel/channel.ts', "import { Connection } from '../connection/connection.js';"],
      ['channel/channel.ts', "import { EventLog } from '../log/event-log.js';"],
      ['replay/replay-resources.ts', "import { Channel } from '../channel/channel.js';"],
      ['subscription/subscription-feed.ts', "import { ReplayResources } from '../replay/replay-resources.js';"],
      ['broadcaster/sse-broadcaster.ts', "import { SseSubscription } from '../subscription/sse-subscription.js';"],
      ['http/sse.decorator.ts', "import { Injectable } from '@nestjs/common';"],
      ['http/sse.interceptor.ts', "import { Observable } from 'rxjs';"],
      ['http/sse.interceptor.ts', "import { Connection } from '../connection/connection.js';"],
      ['lifecycle/ping.service.ts', "import { Connections } from '../connection/connections.js';"],
      ['sse.module.ts', "import { providers } from './sse.providers.js';"],
      ['sse.providers.ts', "import { SseInterceptor } from './http/sse.interceptor.js';"],
      ['index.ts', "export { SseModule } from './sse.module.js';"],
      ['redis/redis.backplane.ts', "import { Backplane } from '../backplane/backplane.js';"],
      ['redis/redis.backplane.ts', "import { createClient } from 'redis';"],
      ['redis/redis.backplane.ts', "import { ChannelFollowers } from '../following/channel-followers.js';"],
      ['following/channel-followers.ts', "import { Backplane } from '../backplane/backplane.js';"],
      ['testing/open-stream.ts', "import { EventDecoder } from '../protocol/event-decoder.js';"],
      ['testing/sse-recording-broadcaster.ts', "import { resolveOptions } from '../sse.options.js';"],
      ['backplane-testing/backplane-contract.ts', "import { Backplane } from '../backplane/backplane.js';"],
    ])('%s: %s', async (file, statement) => {
      expect(await arrowsOf(file, statement)).toEqual([]);
    });
  });

  describe('refuse an arrow that points up or sideways', () => {
    it.each([
      ['protocol/frame.ts', "import { toSource } from '../source/source.js';"],
      ['source/source.ts', "import { EventLog } from '../log/event-log.js';"],
      ['log/event-log.ts', "import { Backplane } from '../backplane/backplane.js';"],
      ['backplane/memory.ts', "import { EventLog } from '../log/event-log.js';"],
      ['connection/connection.ts', "import { EventLog } from '../log/event-log.js';"],
      ['connection/connection.ts', "import { Channel } from '../channel/channel.js';"],
      ['channel/channel.ts', "import { ReplayResources } from '../replay/replay-resources.js';"],
      ['replay/replay-resources.ts', "import { SubscriptionFeed } from '../subscription/subscription-feed.js';"],
      ['subscription/subscription-feed.ts', "import { SseBroadcaster } from '../broadcaster/sse-broadcaster.js';"],
      ['channel/channel.ts', "import { SseInterceptor } from '../http/sse.interceptor.js';"],
      ['http/sse.interceptor.ts', "import { PingService } from '../lifecycle/ping.service.js';"],
      ['lifecycle/ping.service.ts', "import { Metrics } from '../observability/metrics.js';"],
      ['http/sse.interceptor.ts', "import { type SseOptions } from '../sse.options.js';"],
      ['sse.options.ts', "import { SseModule } from './sse.module.js';"],
      ['sse.providers.ts', "import { SseModule } from './sse.module.js';"],
      ['sse.module.ts', "import { RedisBackplane } from './redis/redis.backplane.js';"],
      ['redis/redis.backplane.ts', "import { Channel } from '../channel/channel.js';"],
      ['following/channel-followers.ts', "import { RedisBackplane } from '../redis/redis.backplane.js';"],
      ['following/channel-followers.ts', "import { Channel } from '../channel/channel.js';"],
      ['backplane/memory.ts', "import { ChannelFollowers } from '../following/channel-followers.js';"],
      ['redis/redis.backplane.ts', "import { SseModule } from '../sse.module.js';"],
      ['testing/open-stream.ts', "import { RedisBackplane } from '../redis/redis-backplane.js';"],
      ['backplane-testing/backplane-contract.ts', "import { SseModule } from '../sse.module.js';"],
      ['channel/channel.ts', "export { SseInterceptor } from '../http/sse.interceptor.js';"],
      ['channel/channel.ts', "export * from '../http/sse.interceptor.js';"],
      ['channel/channel.ts', "export const late = import('../http/sse.interceptor.js');"],
      ['channel/channel.ts', "export type Late = import('../http/sse.interceptor.js').Late;"],
    ])('%s: %s', async (file, statement) => {
      expect(await arrowsOf(file, statement)).toEqual(['arrow']);
    });
  });

  it.each([
    ['connection/outgoing.ts', "import type { Connection } from './connection.js';"],
    ['connection/outgoing.ts', "import { type SourceFeed } from './source-feed.js';"],
    ['protocol/brand.ts', "import { SseEvent } from './sse-event.js';"],
    ['protocol/brand.ts', "export type { SseEvent } from './sse-event.js';"],
    ['protocol/brand.ts', "export type Late = import('./sse-event.js').SseEvent;"],
    ['protocol/brand.ts', "export * from './brand.js';"],
  ])('refuse a circle of files, however long it is, and of types as well: %s: %s', async (file, statement) => {
    expect(await arrowsOf(file, statement)).toEqual(['circle']);
  });

  it.each([
    ['index.ts', "export { Sse } from './http/index.js';"],
    ['http/sse.decorator.ts', "import { encodeEvent } from '../index.js';"],
    ['source/queue.ts', "import { toSource } from './index.js';"],
    ['source/queue.ts', "import { toSource } from './';"],
    ['source/queue.ts', "import { toSource } from '.';"],
    ['source/queue.ts', "import { toSource } from '..';"],
  ])('refuse an index file, %s: %s', async (file, statement) => {
    expect(await arrowsOf(file, statement)).toEqual(['index']);
  });

  it.each([
    ['channel/channel.ts', "import { Injectable } from '@nestjs/common';"],
    ['channel/channel.ts', "import { Subject } from 'rxjs';"],
    ['connection/connection.ts', "import { type Observable } from 'rxjs';"],
    ['connection/connection.ts', "import 'reflect-metadata';"],
    ['source/source.ts', "import { Observable } from 'rxjs/internal/Observable';"],
    ['source/source.ts', "import { createServer } from 'node:http';"],
    ['protocol/frame.ts', "import { readFileSync } from 'fs';"],
    ['http/sse.interceptor.ts', "import { createClient } from 'redis';"],
    ['redis/redis.backplane.ts', "import { Injectable } from '@nestjs/common';"],
    ['following/channel-followers.ts', "import { createClient } from 'redis';"],
    ['backplane-testing/backplane-contract.ts', "import { createClient } from 'redis';"],
    ['testing/open-stream.ts', "import { afterEach } from 'vitest';"],
    ['sse.module.ts', "import { FastifyReply } from 'fastify';"],
  ])('keep a foreign module out, %s: %s', async (file, statement) => {
    expect(await arrowsOf(file, statement)).toEqual(['module']);
  });

  it('let source/ name streams as types and refuse to run them', async () => {
    expect(await arrowsOf('source/source.ts', "import { Readable } from 'node:stream';")).toEqual(['types']);
    expect(await arrowsOf('source/source.ts', "import type { Readable } from 'node:stream';")).toEqual([]);
  });

  it('refuse a folder that has no layer, and anything outside lib/', async () => {
    expect(await arrowsOf('utils/things.ts', "import { a } from './a.js';")).toEqual(['unknown']);
    expect(await arrowsOf('source/source.ts', "import { a } from '../../test/support/a.js';")).toEqual(['outside']);
  });

  it('leave specs alone, which stand beside the code and import what they compare it with', async () => {
    expect(await arrowsOf('source/source.spec.ts', "import { of } from 'rxjs';")).toEqual([]);
  });
});
