#!lua
-- Counts refusals of one address; one too many in a minute blocks it, each time twice as long, at most an hour.
-- KEYS 1 this address' refusals  2 its blocks of the last day   ARGV 1 new refusals  2 refusals a minute that block  3 seconds of the first block
-- Returns the seconds to block it for, 0 for none
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], 60) end
if count < tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
local times = redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], 86400)
return math.min(3600, tonumber(ARGV[3]) * 2 ^ (times - 1))
