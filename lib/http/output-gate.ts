import { setImmediate } from '../protocol/event-loop.js';

/** How often we wait longer for the first value to come out, to learn whether the interceptors take their time. */
const PROBES = 4;

/** How long, in milliseconds: what a short asynchronous mapping takes. */
const PROBE_MS = 10;

/** How long to wait for the output of interceptors that take their time. After that, the value counts as filtered out. */
const LATE_MS = 50;

const { setTimeout } = globalThis;

/**
 * Lets pulled values into a chain of interceptors one by one. The next value goes in when the client has taken what came out of
 * the one before.
 *
 * Nobody says which value became which: one may become none (`filter`), several (`mergeMap`), or come out later
 * (`concatMap` with a promise). None and later look the same at first. One that has not come out within a turn counts as
 * filtered out, unless values of this chain come out late.
 *
 * @internal
 */
export class OutputGate {
  private outputs = 0;
  private isPassing = false;
  /** Whether values come out after the call that put them in: `undefined` as long as none has come out. */
  private isLate: boolean | undefined;
  private probes = 0;
  /** There while the client has no room. */
  private room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  private lastTaken: Promise<void> | undefined;
  private wake: (() => void) | undefined;

  /** Lets one value in, by `put`. @returns when the next one may follow */
  pass(put: () => void): true | Promise<void> {
    const before = this.outputs;
    this.isPassing = true;
    put();
    this.isPassing = false;
    if (this.outputs === before) return this.output().then(() => this.room?.promise);
    return this.room?.promise ?? true;
  }

  /** A value came out. @param taken what the client's side said of it */
  took(taken: true | Promise<void>): void {
    this.outputs++;
    if (this.isPassing) this.isLate ??= false;
    else if (this.wake) this.isLate = true;
    if (taken !== true) this.waitFor(taken);
    this.wake?.();
  }

  /** No client takes values any more. */
  release(): void {
    this.room?.resolve();
    this.room = undefined;
    this.wake?.();
  }

  /** The client's side remembers only who waits for room last. */
  private waitFor(taken: Promise<void>): void {
    if (!this.room) {
      let resolve!: () => void;
      const promise = new Promise<void>((settle) => (resolve = settle));
      this.room = { promise, resolve };
    }
    this.lastTaken = taken;
    void taken.then(() => {
      if (this.lastTaken !== taken) return;
      this.room?.resolve();
      this.room = undefined;
    });
  }

  /** Resolves when a value comes out, or when it seems that none will. */
  private output(): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        if (this.wake !== settle) return;
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
      let timer: NodeJS.Timeout | undefined;
      this.wake = settle;
      if (this.isLate) timer = setTimeout(settle, LATE_MS);
      else if (this.isLate === undefined && this.probes++ < PROBES) timer = setTimeout(settle, PROBE_MS);
      else setImmediate(settle);
    });
  }
}
