// Where code goes on in a moment, and no time passes. As they are when this file is loaded: fake timers in a user's test
// are about time, and would stop every stream.

/** @internal */
export const { setImmediate, queueMicrotask } = globalThis;

/** @internal */
export const nextTick = process.nextTick.bind(process);
