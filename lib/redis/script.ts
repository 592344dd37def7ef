import { createHash } from 'node:crypto';
import { KEPT_WHOLE } from '../backplane/kept-whole.js';

/**
 * A Lua script, which Redis runs as one step: nothing else happens between its commands, on any connection.
 *
 * @internal
 */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Bytes that an entry costs Redis besides its event: its id, its references, and its place in the stream. @internal */
export const ENTRY_OVERHEAD = 100;

/**
 * What the scripts share.
 *
 * `look` tells of a stream: its head (`last-generated-id`: also right when the entry itself was trimmed or deleted), the
 * life that it is in, the bytes that life has had so far, whether its last entry is an end, and whether it never had one.
 *
 * `add` adds one entry, and returns what `look` would tell then; `settle` keeps the bounds. Every entry refers to the one
 * before it, which is what lets a reader see that it missed something. It carries the sum of bytes of its life up to and
 * with it, so that the bound on bytes costs no counting: the difference between the last and the first is what the stream
 * holds.
 *
 * Nothing after the `XADD` may fail: the caller would believe that nothing was stored. So `try` notes the first failure
 * and goes on, and `stored` says it together with the position.
 *
 * Ids are `<ms>-<random>`, by the clock of Redis. The random number has 36 bits: a position proves that it was given out,
 * and whoever guesses one reads nothing. It comes from the caller, because scripts have no randomness of their own. Within
 * a millisecond, and while the clock is behind, ids grow by a random number, so that they still have an order.
 *
 * `known` is the newest position that the caller has seen. A head that is older means that Redis has lost what was after it
 * (older data after a restart or a failover). A new life begins then, behind everything that is known: nobody is led back,
 * and every position of before is a gap.
 */
const PRELUDE = `
local OVERHEAD, MAX, WHOLE = ${ENTRY_OVERHEAD}, 999999999999999, 'S\\n${KEPT_WHOLE}'
local failed = nil
local function number(n) return string.format('%.0f', n) end
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err and not failed then failed = answer.err end
  return answer
end
local function stored(id)
  if failed then return redis.error_reply('STORED ' .. id .. ' ' .. failed) end
  return id
end
local time = nil
local function clock()
  -- It stands still while a script runs.
  if not time then
    local t = redis.call('TIME')
    time = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
  end
  return time
end
local function parse(entry)
  if not entry or #entry[2] ~= 4 then return nil end
  local prev, life, bytes, age = string.match(entry[2][2], '^(%S+) %S+ (%S+) (%d+) (%d+)$')
  if not life then return nil end
  return {
    prev = prev, life = life, bytes = tonumber(bytes), age = tonumber(age), event = entry[2][4],
    size = #entry[2][4] + OVERHEAD,
  }
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
    age = last and number(last.age) or '0',
    ended = last ~= nil and string.sub(last.event, 1, 1) == 'N',
    bare = fields['entries-added'] == 1 and fields['length'] == 0,
    first = parse(fields['first-entry']),
    oldest = fields['first-entry'] and fields['first-entry'][1],
  }
end
local function split(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function isOlder(a, b)
  local aMs, aSeq = split(a)
  local bMs, bSeq = split(b)
  return aMs < bMs or (aMs == bMs and aSeq < bSeq)
end
local function isRolledBack(seen, known)
  if not seen or known == '' or known == seen.head then return false end
  -- Times of 13 digits compare as text, which costs a tenth: nearly always the head is of a later one.
  if string.byte(known, 14) == 45 and string.byte(seen.head, 14) == 45 and string.sub(known, 1, 13) < string.sub(seen.head, 1, 13) then
    return false
  end
  return isOlder(seen.head, known)
end
local function chance(random, at) return tonumber(string.sub(random, at, at + 8), 16) end
local function newBase(head, known, random)
  local ms = clock()
  -- What was lost, and is not known any more, may have been of this very millisecond.
  for _, id in ipairs({ head or '', known }) do
    local its = id ~= '' and split(id) or 0
    if its <= MAX then ms = math.max(ms, its) end
  end
  local seq = chance(random, 10)
  return number(ms + 1) .. '-' .. number(seq), number(ms + 1) .. '-' .. number(seq + 1 + chance(random, 1))
end
local function nextId(seen, random)
  local ms, seq = clock(), chance(random, 1)
  -- Of what was added before in the same script they are known.
  local headMs, headSeq = seen.ms, seen.seq
  if not headMs then headMs, headSeq = split(seen.head) end
  -- No position of ours: what follows on it would be none either.
  if headMs > MAX then return nil end
  if ms <= headMs then
    ms, seq = headMs, headSeq + 1 + seq
    if seq > MAX then ms, seq = headMs + 1, chance(random, 1) end
  end
  seen.ms, seen.seq = ms, seq
  return string.format('%.0f-%.0f', ms, seq)
end
local function trimAge(key, age, oldest)
  if age == 0 or not oldest then return end
  local bound = clock() - age
  if split(oldest) < bound then try('XTRIM', key, 'MINID', '=', number(bound)) end
end
local function keepAlive(key, ttl)
  -- Looked at first: reading costs no more than writing, and is not replicated. A tenth early or late does not matter.
  if ttl == 0 then
    try('PERSIST', key)
    return
  end
  local left = try('PTTL', key)
  if type(left) ~= 'number' or left < ttl * 0.9 then try('PEXPIRE', key, number(ttl)) end
end
local function trimBytes(key, bytes, maxBytes, keepsLast)
  while true do
    local row = try('XRANGE', key, '-', '+', 'COUNT', 1)[1]
    if not row then return end
    local first = parse(row)
    local held = first and bytes - first.bytes + first.size or maxBytes + 1
    if held <= maxBytes then return end
    local length = try('XLEN', key)
    if type(length) ~= 'number' or (keepsLast and length == 1) then return end
    -- Half of what seems too much at a time: entries differ in size, and one too few is dropped in the next round.
    local drop = math.max(1, math.floor(length * (held - maxBytes) / held / 2))
    if type(try('XTRIM', key, 'MAXLEN', '=', length - drop)) ~= 'number' then return end
  end
end
local function isWhole(key, seen)
  -- Entries of a life that is kept whole have no age.
  if seen.age ~= '0' then return false end
  if not seen.first then seen.first = parse(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]) end
  return seen.first ~= nil and seen.first.event == WHOLE
end
local function add(key, seen, event, age, known, random, isLost, maxEvents)
  local kind, from, id = string.byte(event), '-', nil
  if seen and not isLost and not seen.ended and kind ~= 83 then id = nextId(seen, random) end
  if not id then
    if seen then
      if not isLost and (seen.ended or kind == 83) then from = seen.head end
      redis.call('UNLINK', key)
    end
    local base
    base, id = newBase(seen and seen.head, known, random)
    -- Counted as added: a channel whose only event was dropped is not one that never had any.
    redis.call('XADD', key, 'MAXLEN', '=', 0, base, 'm', '', 'e', '')
    seen = { head = base, life = base, bytes = 0, age = age, isNew = true }
    seen.first = { bytes = #event + OVERHEAD, size = #event + OVERHEAD, event = event }
  elseif isWhole(key, seen) then
    -- What is kept whole is kept whole by all who publish into it, whatever else they keep of the channel.
    age, maxEvents = '0', nil
  end
  local prev, bytes = seen.head, seen.bytes + #event + OVERHEAD
  local meta = string.format('%s %s %s %.0f %s', prev, from, seen.life, bytes, age)
  if maxEvents then
    if kind == 78 and maxEvents == '0' then maxEvents = '1' end
    redis.call('XADD', key, 'MAXLEN', '=', maxEvents, id, 'm', meta, 'e', event)
  else
    redis.call('XADD', key, id, 'm', meta, 'e', event)
  end
  try('SPUBLISH', key, id .. ' ' .. prev .. ' ' .. from .. ' ' .. event)
  seen.head, seen.bytes, seen.age, seen.ended = id, bytes, age, kind == 78
  return seen
end
local function settle(key, seen, maxEvents, maxBytes, age, ttl)
  if not isWhole(key, seen) then
    if maxEvents then try('XTRIM', key, 'MAXLEN', '=', seen.ended and maxEvents == '0' and '1' or maxEvents) end
    -- What the life has had in all is no less than what is kept of it.
    if seen.bytes > maxBytes then trimBytes(key, seen.bytes, maxBytes, seen.ended) end
    if age ~= '0' and not seen.isNew then try('XTRIM', key, 'MINID', '=', number(clock() - age)) end
  end
  keepAlive(key, ttl)
end
`;

/**
 * For the scripts that may find a producer dead. It begins with an `HDEL`: after a write that needs no memory Redis refuses
 * none in the same script, so that an end is stored also when memory is short.
 */
const LAST_WORDS = `
local function lastWords(key, recordKey, record, seen, random)
  redis.call('HDEL', recordKey, 'until', 'words', 'keep', 'head', 'number', 'position', 'life')
  redis.call('HSET', recordKey, 'holder', '')
  if seen and seen.ended or record[4] ~= '' and (not seen or seen.head == record[4]) then return seen end
  local keep = cjson.decode(record[3])
  for i, event in ipairs(cjson.decode(record[2])) do
    seen = add(key, seen, event, number(keep[3]), '', redis.sha1hex(random .. i), false, number(keep[1]))
    settle(key, seen, nil, keep[2], number(keep[3]), keep[4])
  end
  return seen
end
`;

/** @internal */
export function script(body: string, more?: 'lease'): Script {
  const text = PRELUDE + (more ? LAST_WORDS : '') + body;
  return Object.freeze({ text, sha: createHash('sha1').update(text).digest('hex') });
}
