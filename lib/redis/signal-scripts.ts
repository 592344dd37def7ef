import { script } from './script.js';

/**
 * Tells all nodes something. KEYS: the signals. ARGV: the message, how many to keep, how long.
 *
 * Stored as well as notified, and each refers to the one before, so that a node that did not listen for a moment can read
 * what it missed.
 *
 * @internal
 */
export const SIGNAL = script(`
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[2], '*', 's', ARGV[1])
try('PEXPIRE', KEYS[1], ARGV[3])
try('SPUBLISH', KEYS[1], id .. ' ' .. (last and last[1] or '-') .. ' ' .. ARGV[1])
return stored(id)
`);

/** What nodes were told lately. KEYS: the signals. @returns the time in milliseconds, and the entries @internal */
export const SIGNALS = script(`
return { number((clock())), redis.call('XRANGE', KEYS[1], '-', '+') }
`);
