import { describeWith } from '../support/external.js';
import { nodeScenarios } from './node-scenarios.js';
import { clusterStore } from './node-store.js';

describeWith(
  'redis-server',
  'three applications, 300 clients, two publishers and a cluster of three shards, when',
  (path) => {
    nodeScenarios((options) => clusterStore(path, options));
  },
);
