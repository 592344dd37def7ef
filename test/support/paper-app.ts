import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as nestTesting from '@nestjs/testing';
import * as crypto from 'node:crypto';
import 'reflect-metadata';
import * as rxjs from 'rxjs';
import supertest from 'supertest';
import ts from 'typescript';
import * as backplane from '../../lib/backplane/index.js';
import * as sse from '../../lib/index.js';
import * as redis from '../../lib/redis/index.js';
import * as testing from '../../lib/testing/index.js';
import { moduleOf } from './paper-code.js';
import * as names from './paper-names.js';
import { blocksOf, paper } from './papers.js';

type Exports = Record<string, unknown>;

const modules: Readonly<Record<string, Exports>> = {
  'nestjs-event-stream': sse,
  'nestjs-event-stream/backplane': backplane,
  'nestjs-event-stream/redis': redis,
  'nestjs-event-stream/testing': testing,
  '@nestjs/common': common,
  '@nestjs/core': core,
  rxjs,
  'node:crypto': crypto,
  './test/support/paper-names.js': names,
  '@nestjs/testing': nestTesting,
  'reflect-metadata': {},
  supertest: { default: supertest },
};

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.CommonJS,
  esModuleInterop: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

/**
 * Runs a block of a paper, the one that has `text` in it.
 *
 * @param own what takes the place of the names in paper-names.ts, and of files that the block imports
 * @returns what it exports; `Example` is the class around methods that stand alone
 */
export function run(name: string, text: string, own: Readonly<Record<string, Exports>> = {}): Exports {
  const found = blocksOf(paper(name)).filter(({ language, code }) => language === 'ts' && code.includes(text));
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${name} have ${text} in them`);
  const all = { ...modules, ...own };
  const code = moduleOf(found[0]!.code, new Map(Object.entries(all).map(([key, one]) => [key, Object.keys(one)])));
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  const exports: Exports = {};
  const require = (id: string): Exports => {
    const one = all[id];
    if (!one) throw new Error(`${name} imports ${id}`);
    return { __esModule: true, ...one };
  };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- the code of our own papers
  new Function('exports', 'require', outputText)(exports, require);
  return exports;
}

/** A controller of methods that stand alone in a paper, with what they expect to be injected. */
export function controllerOf(
  name: string,
  text: string,
  services: (broadcaster: sse.SseBroadcaster) => object = () => ({}),
) {
  const { Example } = run(name, text) as { Example: new () => object };
  common.Controller()(Example);
  @common.Controller()
  class Made extends Example {
    constructor(broadcaster: sse.SseBroadcaster, connections: sse.SseConnections) {
      super();
      Object.assign(this, { broadcaster, connections, ...services(broadcaster) });
    }
  }
  return Made;
}
