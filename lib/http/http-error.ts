import { ForbiddenException, UnauthorizedException } from '@nestjs/common';
import type { SseCloseReason } from '../connection/close-reason.js';
import { SseError } from '../protocol/sse-error.js';

/** What exception filters get for a request that ended before its stream began. */
export function toHttpError({ code, reason, error }: SseCloseReason): unknown {
  const isForbidden = error instanceof SseError && error.code === 'SSE_FORBIDDEN';
  if (isForbidden) return new ForbiddenException(undefined, { cause: error });
  return error ?? (code === 'unauthorized' ? new UnauthorizedException() : new Error(reason));
}
