// What a reader's application has: names that blocks of the papers use, and that are nobody's to import.
import { createParamDecorator, type INestApplication } from '@nestjs/common';
import { SseBackplane } from '../../lib/backplane/backplane.js';
import type { SseBroadcaster, SseConnections, SseMetrics, SseRequest } from '../../lib/index.js';

export class User {
  readonly id!: string;
  readonly tenant!: string;
}
/** What a guard of the reader's has made of a request. */
export interface AuthRequest extends SseRequest {
  readonly user: User & { readonly exp: number };
}
export declare const sessions: { isValid(userId: string | undefined): Promise<boolean> };
export class Order {
  readonly id!: string;
  readonly total!: number;
}
export class PromptDto {
  readonly prompt!: string;
}
export class ChatDto {
  readonly stream?: boolean;
  readonly messages!: readonly object[];
}
export class JsonRpcRequest {
  readonly id!: number | string;
  readonly method!: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- it depends on the method
  readonly params!: any;
}
export class Llm {
  declare readonly stream: (prompt: string | PromptDto, signal?: AbortSignal) => AsyncIterable<{ data: object }>;
  declare readonly tokens: (messages: readonly object[], signal?: AbortSignal) => AsyncIterable<string>;
  declare readonly complete: (messages: readonly object[]) => Promise<object>;
}
export class ConfigService {
  declare readonly get: (name: string) => string;
}
export class AppModule {}
export declare class OperatorGuard {
  canActivate(): boolean;
}
export declare class MyBackplane extends SseBackplane {
  readonly retains: boolean;
  publish: SseBackplane['publish'];
  subscribe: SseBackplane['subscribe'];
  read: SseBackplane['read'];
  close: SseBackplane['close'];
}

export const CurrentUser = createParamDecorator(() => ({ id: 'ann', tenant: 'acme' }));
/** Who is behind an `Authorization` header. */
export declare function userOf(header: string | undefined): User | undefined;
export declare function startTestApp(): Promise<INestApplication>;

/** What is injected into controllers. */
export interface Services {
  readonly broadcaster: SseBroadcaster;
  readonly connections: SseConnections;
  readonly metrics: SseMetrics;
  readonly llm: Llm;
  readonly online: Set<string>;
  readonly jobs: { run(file: string, onPercent: (percent: number) => Promise<boolean>): Promise<void> };
  readonly orders: { all(tenant?: string): Promise<Order[]> };
  readonly quotes: { of(symbol: string): AsyncIterable<number> };
  log(message: unknown): void;
}
