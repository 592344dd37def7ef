import { accept } from './scenarios/accept.js';
import { encode } from './scenarios/encode.js';
import { fanOut } from './scenarios/fan-out.js';
import { generator } from './scenarios/generator.js';
import { idle } from './scenarios/idle.js';
import { replay } from './scenarios/replay.js';

export const scenarios = [
  fanOut({
    name: 'fanout-1000',
    title: 'Fan-out to 1,000 connections, one event a turn',
    connections: 1_000,
    deliveries: 400_000,
  }),
  fanOut({
    name: 'fanout-10000',
    title: 'Fan-out to 10,000 connections, one event a turn',
    connections: 10_000,
    deliveries: 400_000,
  }),
  fanOut({
    name: 'ten',
    title: 'Fan-out to 1,000 connections, ten events a turn',
    connections: 1_000,
    perTurn: 10,
    deliveries: 4_000_000,
  }),
  fanOut({
    name: 'three',
    title: 'Fan-out of three channels to 1,000 connections that subscribe to all of them, one event a turn',
    connections: 1_000,
    channels: 3,
    deliveries: 400_000,
  }),
  generator,
  accept,
  idle,
  replay,
  encode,
];
