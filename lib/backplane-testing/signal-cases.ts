import assert from 'node:assert/strict';
import { isSignalling } from '../backplane/abilities.js';
import type { RecordingListener } from './recording-listener.js';
import { type ContractCases, numbers } from './contract-stage.js';

export const signalCases: ContractCases = {
  'carries a signal to every node, once, if it can': {
    needsTwoNodes: true,
    async check(stage) {
      const [a, b] = [await stage.node(), await stage.node()];
      if (!isSignalling(a) || !isSignalling(b)) return;
      const [atA, atB] = [stage.recorder(), stage.recorder()];
      a.onSignal((message) => atA.note(message));
      b.onSignal((message) => atB.note(message));
      // Signals are not stored, and nobody says when a node has begun to hear: said again and again until both have.
      const hellos = setInterval(() => void a.signal('hello').catch(() => undefined), 5);
      try {
        for (const listener of [atA, atB]) await listener.until('a signal', () => listener.heard.includes('hello'));
      } finally {
        clearInterval(hellos);
      }
      const signals = numbers(20);
      await Promise.all(signals.map((signal) => b.signal(signal)));
      await a.signal('marker');
      const isComplete = ({ heard }: RecordingListener): boolean =>
        [...signals, 'marker'].every((one) => heard.includes(one));
      for (const listener of [atA, atB]) {
        await listener.until('every signal', () => isComplete(listener));
        const counts = signals.map((signal) => listener.heard.filter((heard) => heard === signal).length);
        assert.deepEqual(new Set(counts), new Set([1]), 'each signal is heard once');
      }
    },
  },
};
