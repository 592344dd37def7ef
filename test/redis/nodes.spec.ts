import { describeWith } from '../support/external.js';
import { nodeScenarios } from './node-scenarios.js';
import { serverStore } from './node-store.js';

describeWith('redis-server', 'three applications, 300 clients, two publishers and one server, when', (path) => {
  nodeScenarios((options) => serverStore(path, options));
});
