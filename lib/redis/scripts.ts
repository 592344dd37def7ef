import { createHash } from 'node:crypto';

/**
 * A Lua script, which Redis runs as one step: nothing else happens between its commands, on any connection.
 *
 * @internal
 */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/**
 * What the scripts share.
 *
 * `look` tells of a stream: its head (`last-generated-id`: also right when the entry itself was trimmed or deleted), the
 * life that it is in, the bytes that life has had so far, whether its last entry is an end, and whether it never had one.
 *
 * `append` adds one entry and keeps the bounds. Every entry refers to the one before it, which is what lets a reader see
 * that it missed something, and carries the sum of bytes of its life up to and with it: the difference between the last
 * and the first is what the stream holds, so that the bound on bytes costs no counting.
 *
 * Ids are `<ms>-<salt>` by the clock of Redis, counted up within a millisecond. The salt is the life's own: with Redis' own
 * ids, `<ms>-0`, an entry of one channel would often have the id of an entry of another, and a store that lost everything,
 * or whose clock went back, could give an id a second time; a client that brings such a position would not be told of the
 * gap. Six digits, because every byte of an id goes to every client.
 */
const PRELUDE = `
local function number(n) return string.format('%.0f', n) end
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000), tonumber(t[2]) % 1000
end
local function parse(entry)
  if not entry or #entry[2] ~= 4 then return nil end
  local _, _, life, bytes, age = string.match(entry[2][2], '^(%S+) (%S+) (%S+) (%d+) (%d+)$')
  if not life then return nil end
  return { life = life, bytes = tonumber(bytes), age = tonumber(age), size = #entry[2][4], event = entry[2][4] }
end
local function look(key)
  local info = redis.pcall('XINFO', 'STREAM', key)
  if info.err then
    if string.find(info.err, 'no such key', 1, true) then return nil end
    return nil, info
  end
  local fields = {}
  for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
  local last = parse(fields['last-entry'])
  return {
    head = fields['last-generated-id'],
    life = last and last.life or fields['last-generated-id'],
    bytes = last and last.bytes or 0,
    age = last and last.age or 0,
    ended = last ~= nil and string.sub(last.event, 1, 1) == 'N',
    bare = fields['entries-added'] == 1 and fields['length'] == 0,
    first = parse(fields['first-entry']),
    oldest = fields['first-entry'] and fields['first-entry'][1],
  }
end
local function split(id) return tonumber(string.match(id, '^%d+')), tonumber(string.match(id, '%d+$')) end
local function newBase(key, head)
  local ms, us = clock()
  -- What was lost, and is not known any more, may have been of this very millisecond.
  ms = math.max(ms, head and split(head) or 0) + 1
  local salt = tonumber(string.sub(redis.sha1hex(key .. ms .. us), 1, 8), 16) % 1000000
  return number(ms) .. '-' .. number(salt), number(ms) .. '-' .. number(salt + 1)
end
local function nextId(head, life)
  local ms = clock()
  local headMs, headSeq = split(head)
  if ms <= headMs then return number(headMs) .. '-' .. number(headSeq + 1) end
  return number(ms) .. '-' .. string.match(life, '%d+$')
end
local function trimAge(key, age, oldest)
  if age == 0 or not oldest then return end
  local bound = clock() - age
  if tonumber(string.match(oldest, '^%d+')) < bound then redis.call('XTRIM', key, 'MINID', '=', number(bound)) end
end
local function keepAlive(key, ttl)
  -- Looked at first: reading costs no more than writing, and is not replicated. A tenth early or late does not matter.
  if ttl == 0 then redis.call('PERSIST', key)
  elseif redis.call('PTTL', key) < ttl * 0.9 then redis.call('PEXPIRE', key, number(ttl)) end
end
local function trimBytes(key, bytes, maxBytes, keepsLast)
  while true do
    local row = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
    if not row then return end
    local first = parse(row)
    local held = first and bytes - first.bytes + first.size or maxBytes + 1
    local length = redis.call('XLEN', key)
    if held <= maxBytes or (keepsLast and length == 1) then return end
    -- Half of what seems too much at a time: entries differ in size, and one too few is dropped in the next round.
    local drop = math.max(1, math.floor(length * (held - maxBytes) / held / 2))
    redis.call('XTRIM', key, 'MAXLEN', '=', length - drop)
  end
end
local function append(key, seen, event, maxEvents, maxBytes, age, ttl)
  local kind = string.sub(event, 1, 1)
  local prev, from, life, bytes, id = nil, '-', nil, 0, nil
  if not seen or seen.ended or kind == 'S' then
    if seen then from = seen.head; redis.call('UNLINK', key) end
    prev, id = newBase(key, seen and seen.head)
    life = prev
    seen = { first = nil }
  else
    prev, life, bytes = seen.head, seen.life, seen.bytes
    id = nextId(prev, life)
  end
  if kind == 'N' then maxEvents = math.max(maxEvents, 1) end
  bytes = bytes + #event
  local meta = prev .. ' ' .. from .. ' ' .. life .. ' ' .. number(bytes) .. ' ' .. number(age)
  id = redis.call('XADD', key, 'MAXLEN', '=', number(maxEvents), id, 'm', meta, 'e', event)
  local first = seen.first
  if #event > maxBytes or (first and bytes - first.bytes + first.size > maxBytes) then
    trimBytes(key, bytes, maxBytes, kind == 'N')
  end
  trimAge(key, age, seen.oldest)
  keepAlive(key, ttl)
  redis.call('SPUBLISH', key, id .. ' ' .. prev .. ' ' .. from .. ' ' .. event)
  return id, life
end
`;

/**
 * Adds an event. KEYS: the stream, then the publish key if there is one, then the producer's record if it is one that
 * publishes. ARGV: the event, events to keep, bytes to keep, age to keep, life of the stream, life of the publish key or
 * empty, the producer's token or empty.
 *
 * A publish key counts only in the life that its event is in: what was lost or begun anew must be published again.
 *
 * @internal
 */
export const PUBLISH = script(`
local key, at = KEYS[1], 2
local seen, failure = look(key)
if failure then return failure end
local memo
if ARGV[6] ~= '' then
  memo = KEYS[at]
  at = at + 1
  local known = seen and redis.call('GET', memo)
  if known then
    local id, life = string.match(known, '^(%S+) (%S+)$')
    if not seen.first or seen.life == life then return id end
  end
end
if ARGV[7] ~= '' and redis.call('HGET', KEYS[at], 'holder') ~= ARGV[7] then
  return redis.error_reply('FENCED another node produces into this channel, or has ended it')
end
-- The end of what has ended would begin a new life, and what is kept be gone.
if seen and seen.ended and string.sub(ARGV[1], 1, 1) == 'N' then return seen.head end
local id, life = append(key, seen, ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]))
if memo then redis.call('SET', memo, id .. ' ' .. life, 'PX', ARGV[6]) end
return id
`);

/**
 * The head of a channel, and the housekeeping of whoever watches it: makes it if it is not there (so that its first
 * client has a position from before the first event), drops what is too old, keeps it from expiring, and says the last
 * words of a producer whose node has died. KEYS: the stream, the producer's record. ARGV: life of the stream, '1' to
 * make it.
 *
 * @returns `[head, 1 if ended, 1 if it never had an event]`, or nothing if there is no such channel
 * @internal
 */
export const LOOK = script(`
local key, ttl = KEYS[1], tonumber(ARGV[1])
local seen, failure = look(key)
if failure then return failure end
if not seen then
  if ARGV[2] ~= '1' then return {} end
  local base = newBase(key)
  redis.call('XADD', key, 'MAXLEN', '=', 0, base, 'm', '', 'e', '')
  redis.call('PEXPIRE', key, ARGV[1])
  seen = { head = base, life = base, age = 0, ended = false, bare = true }
end
if redis.call('PTTL', key) ~= -1 then keepAlive(key, ttl) end
trimAge(key, seen.age, seen.oldest)
local record = redis.call('HMGET', KEYS[2], 'until', 'words', 'keep')
if record[1] and tonumber(record[1]) < clock() then
  redis.call('DEL', KEYS[2])
  if not seen.ended then
    local keep = cjson.decode(record[3])
    for _, event in ipairs(cjson.decode(record[2])) do
      append(key, look(key), event, keep[1], keep[2], keep[3], keep[4])
    end
    seen = look(key) or seen
  end
end
return { seen.head, seen.ended and 1 or 0, seen.bare and 1 or 0 }
`);

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
 * Makes a node the producer of a channel. KEYS: the stream, the producer's record. ARGV: its token, how long it may be
 * silent, its last words as a JSON array of events, what to keep as a JSON array, how long to remember it.
 *
 * @returns 1, or 0 if another one is
 * @internal
 */
export const ACQUIRE = script(`
local now = clock()
local record = redis.call('HMGET', KEYS[2], 'holder', 'until', 'words', 'keep')
if record[1] and record[1] ~= ARGV[1] then
  if tonumber(record[2]) >= now then return 0 end
  local seen = look(KEYS[1])
  if seen and not seen.ended then
    local keep = cjson.decode(record[4])
    for _, event in ipairs(cjson.decode(record[3])) do
      append(KEYS[1], look(KEYS[1]), event, keep[1], keep[2], keep[3], keep[4])
    end
  end
end
redis.call('HSET', KEYS[2], 'holder', ARGV[1], 'until', number(now + tonumber(ARGV[2])), 'words', ARGV[3], 'keep', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
`);

/** Says that the producer lives. KEYS: its record. ARGV: its token, how long it may be silent. @internal */
export const RENEW = script(`
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'until', number(clock() + tonumber(ARGV[2])))
return 1
`);

/** The producer is done. KEYS: its record. ARGV: its token. @internal */
export const RELEASE = script(`
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

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
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SPUBLISH', KEYS[1], id .. ' ' .. (last and last[1] or '-') .. ' ' .. ARGV[1])
return id
`);

/** What nodes were told lately. KEYS: the signals. @returns the time in milliseconds, and the entries @internal */
export const SIGNALS = script(`
return { number((clock())), redis.call('XRANGE', KEYS[1], '-', '+') }
`);

function script(body: string): Script {
  const text = PRELUDE + body;
  return Object.freeze({ text, sha: createHash('sha1').update(text).digest('hex') });
}
