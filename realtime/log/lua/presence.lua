#!lua
-- Who is in a channel, by leases. A user may have several live sockets; the first makes them present, the last ends it.
-- KEYS 1 leases: zset of 'user|socket' by lease end in ms  2 users: hash user -> live sockets
-- ARGV 1 beat | leave | sweep  2 lease ms  3… 'user|socket'
-- Each call also drops at most 500 leases that have ended. Returns {users, {came, …}, {gone, …}}
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local came, gone = {}, {}
local function user_of(member) return string.match(member, '^(.*)|') end
local function drop(member)
  local user = user_of(member)
  if call('HINCRBY', KEYS[2], user, -1) <= 0 then
    call('HDEL', KEYS[2], user)
    gone[#gone + 1] = user
  end
end

if ARGV[1] == 'beat' then
  local ends = string.format('%.0f', now + tonumber(ARGV[2]))
  for i = 3, #ARGV do
    if call('ZADD', KEYS[1], ends, ARGV[i]) == 1 and call('HINCRBY', KEYS[2], user_of(ARGV[i]), 1) == 1 then
      came[#came + 1] = user_of(ARGV[i])
    end
  end
elseif ARGV[1] == 'leave' then
  for i = 3, #ARGV do
    if call('ZREM', KEYS[1], ARGV[i]) == 1 then drop(ARGV[i]) end
  end
end
local ended = call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 500)
if #ended > 0 then
  call('ZREM', KEYS[1], unpack(ended))
  for i = 1, #ended do drop(ended[i]) end
end
if ARGV[1] == 'beat' then -- longer than any lease, so that the keys of an unused channel expire
  call('PEXPIRE', KEYS[1], 120000)
  call('PEXPIRE', KEYS[2], 120000)
end
return {call('HLEN', KEYS[2]), came, gone}
