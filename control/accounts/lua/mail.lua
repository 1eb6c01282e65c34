#!lua
-- One mail more to an address? KEYS the moments of those that were sent. ARGV how many within ARGV[2] ms.
-- Returns 0 and counts it, or the ms until the next one may go.
local time = redis.call('TIME')
local now, within = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - within)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  return math.max(1, tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]) + within - now)
end
redis.call('ZADD', KEYS[1], now, time[1] .. '.' .. time[2])
redis.call('PEXPIRE', KEYS[1], within)
return 0
