import * as timers from 'node:timers';

/** As they are when this file is loaded. A test that fakes time still has to give up what never comes. @internal */
export const { setTimeout, clearTimeout, setImmediate } = timers;
