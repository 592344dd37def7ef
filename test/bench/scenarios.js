import { accept } from './scenarios/accept.js';
import { answers } from './scenarios/answers.js';
import { encode } from './scenarios/encode.js';
import { fanOut } from './scenarios/fan-out.js';
import { generator } from './scenarios/generator.js';
import { idle } from './scenarios/idle.js';
import { redisDelivery } from './scenarios/redis-delivery.js';
import { redisPublish } from './scenarios/redis-publish.js';
import { replay } from './scenarios/replay.js';

export const scenarios = [
  fanOut({
    name: 'fanout-1000',
    title: 'Fan-out to 1,000 connections, one event a turn',
    connections: 1_000,
  }),
  fanOut({
    name: 'fanout-10000',
    title: 'Fan-out to 10,000 connections, one event a turn',
    connections: 10_000,
  }),
  fanOut({
    name: 'ten',
    title: 'Fan-out to 1,000 connections, ten events a turn',
    connections: 1_000,
    perTurn: 10,
  }),
  fanOut({
    name: 'three',
    title: 'Fan-out of three channels to 1,000 connections that subscribe to all of them, one event a turn',
    connections: 1_000,
    channels: 3,
  }),
  generator,
  accept,
  idle,
  replay,
  encode,
  redisDelivery({
    name: 'redis-latency',
    title:
      'The way from publish to receive: 100 events a second to 30 connections on 1, 2 and 3 nodes, in memory and through Redis',
    connections: 30,
  }),
  redisDelivery({
    name: 'redis-fanout',
    title: 'The same to 300 connections',
    connections: 300,
  }),
  redisPublish({
    name: 'redis-publish-1',
    title: 'What one publish costs Redis: 1 channel, 1, 2 and 3 nodes that listen',
    topics: 1,
    publishes: 4_000,
  }),
  redisPublish({
    name: 'redis-publish-1000',
    title: 'What one publish costs Redis: 1,000 channels, 1, 2 and 3 nodes that listen',
    topics: 1_000,
    publishes: 10_000,
  }),
  answers,
];
