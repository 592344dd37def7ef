import { backplaneContract } from '../../lib/backplane-testing/backplane-contract.js';
import { FakeBackplane } from './fake-backplane.js';
import { FakeBroker } from './fake-broker.js';

// The ports are not Redis': another broker is its commands, and holds the same promises.
describe('a backplane on another broker', () => {
  const broker = new FakeBroker();
  const contract = backplaneContract({
    open: () => new FakeBackplane(broker),
    crash: (node) => (node as FakeBackplane).cut(),
    isShared: true,
  });
  it.each(contract)('$ability: $name', ({ run }) => run());
});
