import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// Without a flag on the command line, which every way to start jest would have to pass.
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Resolves when everything is collected that nothing refers to. Turns in between: `WeakRef` holds on until the turn ends. */
export async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await new Promise(setImmediate);
    gc();
  }
}
