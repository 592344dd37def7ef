import { script } from './script.js';

/**
 * Adds events, to several channels and in the order in which they are given. KEYS: the streams, the producers' records and
 * the publish keys. ARGV: runs of events that have in common what is said of them: the indexes of the stream and of the
 * producer's record (or 0), the producer's token or empty, the newest position that the node knows or empty, events to keep,
 * bytes to keep, age to keep, life of the stream, the number of events; then for each event itself, 18 random hexadecimal
 * digits, and a mark: empty, `n<the number of a producer's event>`, or `k<index of its publish key> <life of that>`.
 *
 * A publish key counts only in the life that its event is in: what was lost or begun anew must be published again.
 *
 * A producer's events follow each other: the first one (number 0) begins, and each other one is stored only behind the one
 * before it. So it is stored once, and not at all when Redis has lost what it belongs to.
 *
 * What happens to one event is nothing to the others. An error before the first that is stored, and of which the server is
 * the cause, is the answer to all of them.
 *
 * @returns for each event its position; when the key is known, `[position, the entry if it is kept]`; when it was not
 *   stored, or what belongs to it has failed, `!` and the error
 * @internal
 */
export const PUBLISH = script(`
local answers, count, at, hasStored = {}, 0, 1, false
local states = {}
-- What is needed of what \`look\` tells, for a tenth of it: where the newest entry is the one that the node knows.
local function glance(key, known)
  if known == '' then return look(key) end
  local rows = redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
  local last = rows[1] and rows[1][1] == known and parse(rows[1])
  if not last then return look(key) end
  local ended = string.byte(last.event) == 78
  return { head = known, life = last.life, bytes = last.bytes, age = number(last.age), ended = ended }
end
local function putOne(key, state, run, event, random, mark, maxEvents)
  local seen, memo, memoTtl = state.seen, nil, nil
  if string.byte(mark) == 107 then
    local index
    index, memoTtl = string.match(mark, '^k(%d+) (%d+)$')
    memo = KEYS[tonumber(index)]
    local before = seen and not run.isLost and redis.call('GET', memo)
    if before then
      local id, life = string.match(before, '^(%S+) (%S+)$')
      local entry = redis.call('XRANGE', key, id, id)[1]
      if seen.life == life or (not entry and redis.call('XLEN', key) == 0) then return { id, entry } end
    end
  end
  local record = run.record
  if record then
    if record[1] and record[1] ~= run.token then
      return '!FENCED another node produces into this channel, or has ended it'
    end
    local isThere = record[1] and seen and not run.isLost and seen.life == record[4]
    local number = string.sub(mark, 2)
    if isThere and record[2] == number then return record[3] end
    if number ~= '0' then
      if not isThere or tonumber(record[2]) + 1 ~= tonumber(number) then
        return '!LOST what was produced into this channel before is gone'
      end
      if seen.ended then return '!FENCED this channel was ended' end
    end
  end
  -- The end of what has ended would begin a new life, and what is kept be gone.
  if seen and seen.ended and not run.isLost and string.byte(event) == 78 then return seen.head end
  seen = add(key, seen, event, run.age, run.known, random, run.isLost, maxEvents)
  state.seen, run.isTrimmed, run.isLost, run.hasStored, hasStored = seen, maxEvents ~= nil, false, true, true
  local id = seen.head
  if memo then try('SET', memo, id .. ' ' .. seen.life, 'PX', memoTtl) end
  if record and record[1] then record[2], record[3], record[4], run.hasNews = string.sub(mark, 2), id, seen.life, true end
  return id
end
local function messageOf(trouble) return type(trouble) == 'table' and trouble.err or tostring(trouble) end
local function put(key, state, run, event, random, mark, maxEvents)
  local failure = state.failure or run.failure
  if failure then return '!' .. failure end
  local isDone, answer = pcall(putOne, key, state, run, event, random, mark, maxEvents)
  if isDone then
    if failed then answer = '!STORED ' .. answer .. ' ' .. failed end
    failed = nil
    return answer
  end
  -- It may have failed half-way.
  state.seen = look(key)
  return '!' .. messageOf(answer)
end
while at <= #ARGV do
  local key, recordKey, token = KEYS[tonumber(ARGV[at])], KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2]
  local state = states[key]
  if not state then
    local seen, failure = glance(key, ARGV[at + 3])
    state = { seen = seen, failure = failure and failure.err }
    states[key] = state
  end
  local run = {
    token = token, known = ARGV[at + 3], age = ARGV[at + 6],
    isLost = not state.failure and isRolledBack(state.seen, ARGV[at + 3]),
    record = recordKey and redis.pcall('HMGET', recordKey, 'holder', 'number', 'position', 'life'),
  }
  run.failure = run.record and run.record.err
  local maxEvents, maxBytes, ttl = ARGV[at + 4], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 7])
  local from, last = at + 9, at + 8 + 3 * tonumber(ARGV[at + 8])
  local before = count
  for i = from, last, 3 do
    local answer = put(key, state, run, ARGV[i], ARGV[i + 1], ARGV[i + 2], i + 2 == last and maxEvents or nil)
    if not hasStored and type(answer) == 'string' and (string.find(answer, '^!READONLY') or string.find(answer, '^!MASTERDOWN')) then
      return redis.error_reply(string.sub(answer, 2))
    end
    count = count + 1
    answers[count] = answer
  end
  at = last + 1
  if run.hasStored then
    if run.hasNews then
      try('HSET', recordKey, 'number', run.record[2], 'position', run.record[3], 'life', run.record[4])
    end
    local isSettled, trouble = pcall(settle, key, state.seen, not run.isTrimmed and maxEvents or nil, maxBytes, run.age, ttl)
    if not isSettled then failed = messageOf(trouble) end
    if failed then
      for i = before + 1, count do
        if type(answers[i]) == 'string' and string.sub(answers[i], 1, 1) ~= '!' then
          answers[i] = '!STORED ' .. answers[i] .. ' ' .. failed
        end
      end
      failed = nil
    end
  end
end
return answers
`);
