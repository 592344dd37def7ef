import { script } from './script.js';

/**
 * The head of a channel, and the housekeeping of whoever watches it: makes it if it is not there (so that its first
 * client has a position from before the first event), begins a new life if Redis has lost the end of the one that is known,
 * drops what is too old, keeps it from expiring, and says the last words of a producer whose node has died. KEYS: the
 * stream, the producer's record. ARGV: life of the stream, the newest position that the node knows or empty, 18 random
 * hexadecimal digits.
 *
 * @returns `[head, 1 if ended, 1 if it never had an event]`
 * @internal
 */
export const LOOK = script(
  `
local key, ttl, known, random = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3]
local seen, failure = look(key)
if failure then return failure end
local isLost = isRolledBack(seen, known)
if not seen or isLost then
  local base = newBase(seen and seen.head, known, random)
  if isLost then redis.call('UNLINK', key) end
  redis.call('XADD', key, 'MAXLEN', '=', 0, base, 'm', '', 'e', '')
  redis.call('PEXPIRE', key, ARGV[1])
  seen = { head = base, life = base, age = '0', bytes = 0, ended = false, bare = true }
end
if redis.call('PTTL', key) ~= -1 then keepAlive(key, ttl) end
trimAge(key, tonumber(seen.age), seen.oldest)
local record = redis.call('HMGET', KEYS[2], 'until', 'words', 'keep', 'head')
if record[1] and tonumber(record[1]) < clock() then seen = lastWords(key, KEYS[2], record, seen, random) end
return { seen.head, seen.ended and 1 or 0, seen.bare and 1 or 0 }
`,
  'lease',
);

/**
 * Entries of a channel, oldest first. KEYS: the stream. ARGV: where to begin as `XRANGE` takes it, the entry that does
 * not count (the reader has it; or empty), entries at most, bytes of events at most or 0.
 *
 * At least one entry that counts, if there is one. It reads a few at first and goes on with as many as will fit: entries
 * of a megabyte are not read by the hundred to be thrown away. With no entry to have before the first, what is too old
 * by the clock of Redis is left out: trimming by age waits for the next publish.
 *
 * @returns the entries; and if there are none, what `LOOK` says
 * @internal
 */
export const READ = script(`
local key, from, after, limit, maxBytes = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local rows, counted, bytes, now = {}, 0, 0, clock()
local step = maxBytes > 0 and math.min(limit, 4) + 1 or limit + 1
while true do
  local part = redis.call('XRANGE', key, from, '+', 'COUNT', step)
  for _, row in ipairs(part) do
    if row[1] == after then
      rows[1] = row
    else
      local entry = after == '' and #rows == 0 and parse(row)
      if not entry or entry.age == 0 or tonumber(string.match(row[1], '^%d+')) > now - entry.age then
        local size = 0
        for i = 2, #row[2], 2 do size = size + #row[2][i] end
        if counted > 0 and maxBytes > 0 and bytes + size > maxBytes then return { rows } end
        rows[#rows + 1], counted, bytes = row, counted + 1, bytes + size
        if counted == limit then return { rows } end
      end
    end
  end
  if #part < step then break end
  from = '(' .. part[#part][1]
  step = limit - counted
  if maxBytes > 0 and bytes > 0 then
    step = math.min(step, math.max(1, math.ceil((maxBytes - bytes) * counted / bytes)))
  end
end
if #rows > 0 then return { rows } end
local seen, failure = look(key)
if failure then return failure end
if not seen then return { rows } end
return { rows, seen.head, seen.ended and 1 or 0, seen.bare and 1 or 0 }
`);

/**
 * Somebody stored on after Redis had lost the end of what is known here: nobody can tell from the stream that something is
 * missing. So what was stored before that, and the first entry after it, is dropped, which is a gap to whoever reads on from
 * there; and an entry that nobody can read says the same to those who follow. KEYS: the stream. ARGV: the newest position
 * that is known, 18 random hexadecimal digits.
 *
 * @returns 1, or 0 if there is no such break (any more)
 * @internal
 */
export const BREAK = script(`
local key, known = KEYS[1], ARGV[1]
local row = redis.call('XRANGE', key, '(' .. known, '+', 'COUNT', 1)[1]
local entry = parse(row)
if not entry or not string.match(entry.prev, '^%d+-%d+$') or not isOlder(entry.prev, known) then return 0 end
local ms, seq = split(row[1])
redis.call('XTRIM', key, 'MINID', '=', number(ms) .. '-' .. number(seq + 1))
local seen = look(key)
local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
local newest = parse(last) or entry
local id = nextId(seen, ARGV[2])
if id then
  redis.call('XADD', key, id, 'm',
    seen.head .. ' - ' .. newest.life .. ' ' .. number(newest.bytes + OVERHEAD) .. ' ' .. number(newest.age), 'e', 'B')
  try('SPUBLISH', key, id .. ' ' .. seen.head .. ' - B')
end
return 1
`);
