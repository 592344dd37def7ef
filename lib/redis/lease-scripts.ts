import { script } from './script.js';

/**
 * Makes a node the producer of a channel. KEYS: the stream, the producer's record. ARGV: its token, how long it may be
 * silent, its last words as a JSON array of events, what to keep as a JSON array, how long to remember it, '1' if it has
 * begun already, 18 random hexadecimal digits.
 *
 * The record: `holder` is the token, or empty once the channel was ended: then what the dead one still stores is refused.
 * `until` is when it counts as dead, `head` what the channel's head was, or '-': if nothing has been stored since, there is
 * nothing to end. `number`, `position` and `life` are of the newest event that it has stored.
 *
 * @returns 1, or 0 if another one is
 * @internal
 */
export const ACQUIRE = script(
  `
local now = clock()
local record = redis.call('HMGET', KEYS[2], 'until', 'words', 'keep', 'head', 'holder')
local seen, failure = look(KEYS[1])
if failure then return failure end
if record[1] and record[5] ~= ARGV[1] then
  if tonumber(record[1]) >= now then return 0 end
  seen = lastWords(KEYS[1], KEYS[2], record, seen, ARGV[7])
end
redis.call('HSET', KEYS[2], 'holder', ARGV[1], 'until', number(now + tonumber(ARGV[2])), 'words', ARGV[3], 'keep', ARGV[4],
  'head', ARGV[6] == '1' and '' or seen and seen.head or '-')
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
`,
  'lease',
);

/**
 * Says that the producer lives. KEYS: its record. ARGV: its token, how long it may be silent, how long to remember it.
 *
 * @returns 1, 0 if it counts as dead or another one produces, -1 if the store has lost the record
 * @internal
 */
export const RENEW = script(`
local holder = redis.call('HGET', KEYS[1], 'holder')
if not holder then return -1 end
if holder ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'until', number(clock() + tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`);

/**
 * The producer is done. If it has not ended the channel, what it says now does, or its last words do. KEYS: the stream, its
 * record. ARGV: its token, 18 random hexadecimal digits, what it says as a JSON array of events or empty, the number of its
 * newest event or empty, how long a retry may come after it.
 *
 * @returns 1, or -1 if the record or what the producer has stored was lost, and nothing was done
 * @internal
 */
export const RELEASE = script(
  `
local record = redis.call('HMGET', KEYS[2], 'until', 'words', 'keep', 'head', 'holder', 'number', 'life')
if record[5] ~= ARGV[1] then return record[5] and 1 or -1 end
local seen, failure = look(KEYS[1])
if failure then return failure end
if ARGV[4] ~= '' and not (seen and record[6] == ARGV[4] and record[7] == seen.life) then return -1 end
if ARGV[3] ~= '' then record[2], record[4] = ARGV[3], '' end
lastWords(KEYS[1], KEYS[2], record, seen, ARGV[2])
-- Who tries again must find that it was done.
if ARGV[3] ~= '' then redis.call('PEXPIRE', KEYS[2], ARGV[5]) else redis.call('DEL', KEYS[2]) end
return 1
`,
  'lease',
);

/** Which producers count as dead. KEYS: their records. @returns their indexes, from 1 @internal */
export const OVERDUE = script(`
local now, found = clock(), {}
for i, key in ipairs(KEYS) do
  local limit = redis.pcall('HGET', key, 'until')
  if type(limit) == 'string' and tonumber(limit) < now then found[#found + 1] = i end
end
return found
`);

/**
 * Whether somebody produces into a channel. KEYS: the stream, the producer's record.
 *
 * @returns 1 if so, -1 if it counts as dead and its last words were not said, else 0; its token; and the newest entry, if
 *   there is one
 * @internal
 */
export const PRODUCING = script(`
local record = redis.call('HMGET', KEYS[2], 'until', 'holder')
local state = record[1] and record[2] ~= '' and (tonumber(record[1]) >= clock() and 1 or -1) or 0
return { state, record[2] or '', redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1] }
`);
