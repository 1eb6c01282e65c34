#!lua
-- The password was right: KEYS and ARGV[1] ("1" for an unknown network) as for attempt.lua.
redis.call('DEL', KEYS[1], KEYS[2])
if ARGV[1] == '1' and (tonumber(redis.call('GET', KEYS[3])) or 0) > 0 then redis.call('DECR', KEYS[3]) end
return 0
