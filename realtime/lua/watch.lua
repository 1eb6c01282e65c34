#!lua
-- Who watches a channel, by leases. A viewer is a session; it may have several live sources (sockets, playback).
-- KEYS 1 leases: zset of 'session|source' by lease end in ms  2 sessions: hash session -> live sources  3 peak
-- ARGV 1 beat | leave | count  2 lease ms  3… 'session|source'
-- Each call first drops at most 500 leases that have ended. Returns {sessions, peak since the channel was last empty}
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function drop(member)
  local session = string.match(member, '^(.*)|')
  if call('HINCRBY', KEYS[2], session, -1) <= 0 then call('HDEL', KEYS[2], session) end
end

local ended = call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 500)
if #ended > 0 then
  call('ZREM', KEYS[1], unpack(ended))
  for i = 1, #ended do drop(ended[i]) end
end
if ARGV[1] == 'beat' then
  local ends = string.format('%.0f', now + tonumber(ARGV[2]))
  for i = 3, #ARGV do
    if call('ZADD', KEYS[1], ends, ARGV[i]) == 1 then call('HINCRBY', KEYS[2], string.match(ARGV[i], '^(.*)|'), 1) end
  end
  -- longer than any lease, so that a channel nobody asks about again leaves nothing behind
  call('PEXPIRE', KEYS[1], 120000)
  call('PEXPIRE', KEYS[2], 120000)
elseif ARGV[1] == 'leave' then
  for i = 3, #ARGV do
    if call('ZREM', KEYS[1], ARGV[i]) == 1 then drop(ARGV[i]) end
  end
end
local count = call('HLEN', KEYS[2])
local peak = tonumber(call('GET', KEYS[3]) or '0')
if count == 0 then
  if peak > 0 then call('DEL', KEYS[3]) end
  return {0, peak}
end
if count > peak then
  peak = count
  call('SET', KEYS[3], peak, 'PX', 86400000)
end
return {count, peak}
