import { isThenable } from '../source/thenable.js';

/** What is needed of a Fastify reply to run the hooks that wait for it. */
interface Reply {
  readonly request: object;
}

/** An `onSend` hook: it calls back, or returns a promise. */
type Hook = (request: object, reply: Reply, payload: undefined, done: (error?: Error | null) => void) => unknown;

/**
 * Runs the `onSend` hooks of the reply's route, which `hijack()` would skip: cookies and sessions set their headers in
 * them. They are told of no payload, so that those that would compress or measure it leave it alone.
 *
 * The hooks are found where Fastify keeps them. Nest's own adapter reads the same place. The public way, `reply.send()`
 * of a stream, would let hooks wrap the stream: compression then holds events back until it has enough of them.
 *
 * @param contextKey as `fastifyContextKey()` has found it
 * @returns nothing when all hooks called back at once, else a promise
 * @throws what a hook throws or calls back with
 * @see https://fastify.dev/docs/latest/Reference/Hooks/#onsend
 * @internal
 */
export function runOnSendHooks(reply: Reply, contextKey: symbol | undefined): Promise<void> | undefined {
  const hooks = hooksOf(reply.request, contextKey);
  return hooks ? runFrom(0, hooks, reply) : undefined;
}

function runFrom(start: number, hooks: readonly Hook[], reply: Reply): Promise<void> | undefined {
  for (const [index, hook] of hooks.entries()) {
    const pending = index < start ? undefined : run(hook, reply);
    if (pending) return pending.then(() => runFrom(index + 1, hooks, reply));
  }
  return undefined;
}

function run(hook: Hook, reply: Reply): Promise<void> | undefined {
  let outcome: { readonly error?: Error | null } | undefined;
  let wake: (() => void) | undefined;
  const returned = hook(reply.request, reply, undefined, (error) => {
    outcome ??= { error };
    wake?.();
  });
  if (isThenable(returned)) return Promise.resolve(returned).then(() => undefined);
  const settle = () => {
    if (outcome?.error) throw outcome.error;
  };
  return outcome ? void settle() : new Promise<void>((resolve) => (wake = resolve)).then(settle);
}

function hooksOf(request: object, contextKey: symbol | undefined): readonly Hook[] | null | undefined {
  const context = contextKey && (request as Record<symbol, { readonly onSend?: readonly Hook[] | null }>)[contextKey];
  return context?.onSend;
}
