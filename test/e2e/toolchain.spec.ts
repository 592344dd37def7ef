import 'reflect-metadata';
import { Controller, Get, Injectable, Module, type INestApplication } from '@nestjs/common';
import commonPackage from '@nestjs/common/package.json' with { type: 'json' };
import { HttpAdapterHost, NestApplication } from '@nestjs/core';
import corePackage from '@nestjs/core/package.json' with { type: 'json' };
import { ExpressAdapter } from '@nestjs/platform-express';
import expressPackage from '@nestjs/platform-express/package.json' with { type: 'json' };
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import fastifyPackage from '@nestjs/platform-fastify/package.json' with { type: 'json' };
import { Test } from '@nestjs/testing';
import request from 'supertest';

/** Set per project in jest.config.js: what each says that it runs. */
declare const nestMajor: 11 | 12;
declare const moduleFormat: 'esm' | 'cjs';
declare const require: unknown;

@Injectable()
class Greeter {
  greeting(): string {
    return 'hello';
  }
}

@Controller()
class GreetingController {
  // No @Inject(): it is resolved only if the compiler emitted the decorators' metadata.
  constructor(private readonly greeter: Greeter) {}

  @Get()
  greet(): { greeting: string } {
    return { greeting: this.greeter.greeting() };
  }
}

@Module({ controllers: [GreetingController], providers: [Greeter] })
class GreetingModule {}

describe('the jest project', () => {
  it('runs the major of Nest that it says it runs, in every package', () => {
    const majors = [commonPackage, corePackage, expressPackage, fastifyPackage].map(({ name, version }) => [
      name,
      Number.parseInt(version),
    ]);
    expect(majors).toEqual(majors.map(([name]) => [name, nestMajor]));
  });

  it('runs in the module format that it says it runs in', () => {
    expect(typeof require).toBe(moduleFormat === 'cjs' ? 'function' : 'undefined');
  });

  it('has jest as a global in either format', () => {
    expect(jest.fn(() => 1)()).toBe(1);
  });

  describe.each([
    ['express', () => new ExpressAdapter()],
    ['fastify', () => new FastifyAdapter()],
  ])('on %s', (type, createAdapter) => {
    let app: INestApplication;

    beforeAll(async () => {
      const testing = await Test.createTestingModule({ imports: [GreetingModule] }).compile();
      app = testing.createNestApplication(createAdapter());
      await app.init();
      if (type === 'fastify') await (app as NestFastifyApplication).getHttpAdapter().getInstance().ready();
    });

    afterAll(() => app.close());

    it('serves a route of a controller with an injected service', async () => {
      await request(app.getHttpServer()).get('/').expect(200, { greeting: 'hello' });
    });

    it('has one copy of @nestjs/core, shared by the spec, the adapter and the testing module', () => {
      expect(app).toBeInstanceOf(NestApplication);
      expect(app.get(HttpAdapterHost).httpAdapter.getType()).toBe(type);
    });
  });
});
