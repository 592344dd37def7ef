import { Inject, Module, type DynamicModule, type NestModule, type Provider } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { addArrivalGuard, addStreamInterceptor } from './http/stand-first.js';
import { checkPlatform } from './http/internals.js';
import { setAcceptor } from './http/request-state.js';
import { StreamRoutes } from './http/stream-routes.js';
import { inspectorControllers } from './inspector/inspector.controller.js';
import { invalidOption } from './protocol/check-option.js';
import {
  checkAsyncOptions,
  type SseModuleAsyncOptions,
  type SseModuleOptions,
  type SseOptionsFactory,
} from './sse.options.js';
import { EXPORTS, INSPECTOR_OPTIONS, MODULE_OPTIONS, PROVIDERS } from './sse.providers.js';

/**
 * Server-Sent Events for a Nest application. Import it once, at the root.
 *
 * @example
 * @Module({ imports: [SseModule.forRoot()], controllers: [OrdersController] })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class SseModule implements NestModule {
  /** @internal */
  constructor(
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(StreamRoutes) private readonly routes: StreamRoutes,
  ) {}

  /**
   * Called by Nest before routes are built, when all interceptors are known.
   *
   * @internal
   */
  configure(): void {
    const adapter = this.host.httpAdapter;
    this.routes.platform = { adapter, contextKey: checkPlatform(adapter) };
    setAcceptor(adapter.getInstance<object>(), this.routes);
    addStreamInterceptor(this.config, this.modules);
    if (this.routes.asksFirst) addArrivalGuard(this.config, this.modules);
  }

  /** @throws {SseError} `SSE_INVALID_OPTION`, when the application starts */
  static forRoot(options: SseModuleOptions = {}): DynamicModule {
    return dynamicModule({ provide: MODULE_OPTIONS, useValue: options }, options);
  }

  /** As `forRoot()`, for options that are awaited or injected: `useFactory`, `useClass` or `useExisting`. */
  static forRootAsync(options: SseModuleAsyncOptions): DynamicModule {
    const { imports = [], useClass } = checkAsyncOptions(options);
    const module = dynamicModule(asyncOptions(options), options);
    if (useClass) module.providers?.push(useClass);
    return { ...module, imports };
  }
}

function dynamicModule(
  options: Provider,
  { isGlobal = true, inspector }: Pick<SseModuleOptions, 'isGlobal' | 'inspector'>,
): DynamicModule {
  return {
    module: SseModule,
    global: isGlobal,
    controllers: inspectorControllers(inspector),
    providers: [options, { provide: INSPECTOR_OPTIONS, useValue: inspector ?? null }, ...PROVIDERS],
    exports: EXPORTS,
  };
}

function asyncOptions({ useFactory, inject = [], useClass, useExisting }: SseModuleAsyncOptions): Provider {
  if (useFactory) return { provide: MODULE_OPTIONS, useFactory, inject };
  const factory = useClass ?? useExisting;
  if (!factory) throw invalidOption('forRootAsync', undefined, 'one of useFactory, useClass, useExisting');
  return {
    provide: MODULE_OPTIONS,
    useFactory: (made: SseOptionsFactory) => made.createSseOptions(),
    inject: [factory],
  };
}
