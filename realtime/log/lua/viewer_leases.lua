#!lua
-- Who watches a channel, by leases. A viewer is a session; it may have several live sources (sockets, playback).
-- KEYS 1 leases: zset of 'session|source' by lease end in ms  2 sessions: hash session -> live sources  3 peak
--      4 the broadcast that is counted: hash id, peak, over  5 its audience: set of sessions
--      6 who came and went, for those who follow the app: stream of {joined | left, session}  7 exists while a client follows
--      8 of the whole bucket: channels with viewers whose joining was published, or with entries in 6
-- ARGV 1 beat | leave | count | begin | end  2 lease ms, or for begin and end the broadcast's id  3 '1' = a client follows the app
--      4… 'session|source'
-- Each call first drops at most 500 leases that have ended.
-- Returns {sessions, peak since the channel was last empty, peak of the broadcast, its audience}; the last two are -1 where
-- `end` names a broadcast that is not the counted one.
local call, number = redis.call, function(n) return string.format('%.0f', n) end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function session_of(member) return string.match(member, '^(.*)|') end
if ARGV[3] == '1' and call('PTTL', KEYS[7]) < 43200000 then call('SET', KEYS[7], '1', 'PX', 86400000) end
local followed = call('EXISTS', KEYS[7]) == 1
local function moved(how, session)
  if not followed then return end
  call('XADD', KEYS[6], 'MAXLEN', '~', '100000', '*', how, session)
  call('PEXPIRE', KEYS[6], 172800000)
  call('SADD', KEYS[8], string.match(KEYS[1], '}:(.*):watch$'))
end
local function drop(member)
  local session = session_of(member)
  if call('HINCRBY', KEYS[2], session, -1) <= 0 then
    call('HDEL', KEYS[2], session)
    moved('left', session)
  end
end

local ended = call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 500)
if #ended > 0 then
  call('ZREM', KEYS[1], unpack(ended))
  for i = 1, #ended do drop(ended[i]) end
end
local broadcast = call('HMGET', KEYS[4], 'id', 'peak', 'over')
local counted = broadcast[1] and not broadcast[3]
if ARGV[1] == 'beat' then
  local ends = number(now + tonumber(ARGV[2]))
  for i = 4, #ARGV do
    if call('ZADD', KEYS[1], ends, ARGV[i]) == 1 and call('HINCRBY', KEYS[2], session_of(ARGV[i]), 1) == 1 then
      moved('joined', session_of(ARGV[i]))
    end
    if counted then call('SADD', KEYS[5], session_of(ARGV[i])) end
  end
  -- longer than any lease, so that the keys of an unused channel expire; a followed channel is checked until its viewers have left
  local kept = followed and 172800000 or 120000
  call('PEXPIRE', KEYS[1], kept)
  call('PEXPIRE', KEYS[2], kept)
elseif ARGV[1] == 'leave' then
  for i = 4, #ARGV do
    if call('ZREM', KEYS[1], ARGV[i]) == 1 then drop(ARGV[i]) end
  end
elseif ARGV[1] == 'begin' and (not broadcast[1] or broadcast[1] < ARGV[2]) then -- ids grow with time: an older one is old news
  call('DEL', KEYS[4], KEYS[5])
  call('HSET', KEYS[4], 'id', ARGV[2], 'peak', '0')
  local present = call('HKEYS', KEYS[2])
  for i = 1, #present do call('SADD', KEYS[5], present[i]) end
  broadcast, counted = {ARGV[2], '0'}, true
end

local count = call('HLEN', KEYS[2])
if ARGV[1] == 'count' and count == 0 and call('EXISTS', KEYS[6]) == 0 then call('SREM', KEYS[8], string.match(KEYS[1], '}:(.*):watch$')) end
local highest = tonumber(broadcast[2] or '0')
if counted then
  if count > highest then
    highest = count
    call('HSET', KEYS[4], 'peak', highest)
  end
  if call('PTTL', KEYS[4]) < 86400000 then -- much longer than a broadcast without a viewer
    call('PEXPIRE', KEYS[4], 172800000)
    call('PEXPIRE', KEYS[5], 172800000)
  end
end
local audience = call('SCARD', KEYS[5])
if ARGV[1] == 'end' then
  if broadcast[1] == ARGV[2] then
    call('HSET', KEYS[4], 'over', '1')
    call('PEXPIRE', KEYS[4], 3600000) -- kept, so that it is asked again when a process dies before it publishes
    call('PEXPIRE', KEYS[5], 3600000)
  else
    highest, audience = -1, -1
  end
end
local peak = tonumber(call('GET', KEYS[3]) or '0')
if count == 0 then
  if peak > 0 then call('DEL', KEYS[3]) end
elseif count > peak then
  peak = count
  call('SET', KEYS[3], peak, 'PX', 86400000)
end
return {count, peak, highest, audience}
