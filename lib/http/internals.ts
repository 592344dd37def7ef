import { HttpCode, Redirect, Res, UseGuards, UseInterceptors } from '@nestjs/common';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { tellsWriteQueueSize } from '../connection/node-internals.js';
import { SseError } from '../protocol/sse-error.js';

/**
 * Everything that we use of Nest and Fastify and that they do not document. This file finds Nest's names when it is loaded,
 * and Fastify's when the application starts. If something is not as expected, the application does not start. What we use of
 * Node and it does not document is in `connection/node-internals.ts`, because `connection/` may not import from here.
 */

const interceptor = { intercept: () => undefined };
const guard = { canActivate: () => true };
class Probe {}
const method = () => undefined;
const target = Probe.prototype;
const descriptor: PropertyDescriptor = { value: method };

UseInterceptors(interceptor as never)(target, 'probe', descriptor);
UseGuards(guard)(target, 'probe', descriptor);
HttpCode(299)(target, 'probe', descriptor);
Redirect('/probe')(target, 'probe', descriptor);
Res({ passthrough: true })(target, 'probe', 0);

/**
 * The keys of the metadata that Nest's decorators set. They are found by using the decorators: Nest 11 and 12 export the names
 * from different places, and neither documents them.
 */
export const NEST_METADATA = Object.freeze({
  interceptors: keyOf('@UseInterceptors()', (value) => isListOf(interceptor, value), method),
  guards: keyOf('@UseGuards()', (value) => isListOf(guard, value), method),
  httpCode: keyOf('@HttpCode()', (value) => value === 299, method),
  redirect: keyOf('@Redirect()', (value) => (value as { url?: unknown } | null)?.url === '/probe', method),
  /** On a class, for each of its methods: `{ index }` of each decorated parameter. */
  routeArguments: keyOf('@Res()', (value) => parametersOf(value)[0]?.index === 0, Probe, 'probe'),
  /** On a class, for each of its methods: whether Nest answers although the method has the response. */
  passthrough: keyOf('@Res({ passthrough })', (value) => value === true, Probe, 'probe'),
});

function isListOf(probe: object, value: unknown): boolean {
  return Array.isArray(value) && value.length === 1 && value[0] === probe;
}

function keyOf(decorator: string, isValue: (value: unknown) => boolean, on: object, property?: string): string {
  const keys = (property ? Reflect.getMetadataKeys(on, property) : Reflect.getMetadataKeys(on)) as string[];
  const key = keys.find((name) =>
    isValue(property ? Reflect.getMetadata(name, on, property) : Reflect.getMetadata(name, on)),
  );
  if (key === undefined) throw unsupported('@nestjs/common', versionOf('@nestjs/common'), `what ${decorator} leaves`);
  return key;
}

/** The decorated parameters of a method, from the metadata of `routeArguments`. */
export function parametersOf(metadata: unknown): { readonly index: number }[] {
  return Object.values((metadata ?? {}) as Record<string, { readonly index: number }>);
}

/** As much of Nest's HTTP adapter as the self-check needs. */
interface AdapterLike {
  getType(): string;
  getInstance(): unknown;
}

/**
 * The self-check at start-up.
 *
 * @returns on Fastify, where its requests keep the context of their route
 * @throws {SseError} `SSE_UNSUPPORTED`
 */
export function checkPlatform(adapter: AdapterLike): symbol | undefined {
  if (!tellsWriteQueueSize()) throw unsupported('node', process.version, 'what libuv holds of a socket');
  return adapter.getType() === 'fastify' ? fastifyContextKey(adapter.getInstance() as FastifyLike) : undefined;
}

/** As much of a Fastify instance as its self-check needs. */
interface FastifyLike {
  readonly version?: string;
}

type RequestClass = new (...args: unknown[]) => object;

/**
 * The symbol under which Fastify's requests keep the context of their route, with its hooks. It is found by making a
 * request with a context that we know, as Fastify itself makes them.
 *
 * @throws {SseError} `SSE_UNSUPPORTED`: cookies and sessions, which set their headers in hooks, would be lost in silence
 */
export function fastifyContextKey(fastify: FastifyLike): symbol {
  const context = {};
  try {
    const requestKey = symbolOf(fastify, ([{ description }]) => description === 'fastify.Request');
    const Request = requestKey && (fastify as Record<symbol, RequestClass>)[requestKey];
    const request = Request && new Request('', {}, { headers: {} }, {}, {}, context);
    const key = request && symbolOf(request, ([, value]) => value === context);
    if (key) return key;
  } catch {
    // Said below.
  }
  throw unsupported('fastify', fastify.version, 'where a request keeps the context of its route');
}

function symbolOf(object: object, isIt: (entry: [symbol, unknown]) => boolean): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find((key) => isIt([key, (object as Record<symbol, unknown>)[key]]));
}

function unsupported(name: string, version: string | undefined, what: string): SseError {
  return new SseError(
    'SSE_UNSUPPORTED',
    `nestjs-event-stream does not know this version of ${name} (${version ?? 'version unknown'}): it cannot find ${what}. ` +
      `Use a version that the package names as a peer, or report it.`,
  );
}

/** As installed for the application; only for the message. */
function versionOf(name: string): string | undefined {
  try {
    return (createRequire(join(process.cwd(), 'index.js'))(`${name}/package.json`) as { version?: string }).version;
  } catch {
    return undefined;
  }
}
