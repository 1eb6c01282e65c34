#!lua
-- Raises a count that was lost with a Redis to what is known to have been used.
-- KEYS 1 how many permits have been given   ARGV 1 used  2 ms for which the count is kept
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 0
