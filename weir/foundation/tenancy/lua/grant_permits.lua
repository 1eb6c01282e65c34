#!lua
-- Permits of a bound that is used up within a month.
-- KEYS 1 how many have been given   ARGV 1 the bound  2 wanted, or minus how many come back  3 ms for which the count is kept
-- Returns the number granted, 0 when the bound is reached
local used, wanted = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[2])
local granted = wanted < 0 and wanted or math.max(0, math.min(wanted, tonumber(ARGV[1]) - used))
if granted ~= 0 then redis.call('SET', KEYS[1], string.format('%.0f', math.max(0, used + granted)), 'PX', ARGV[3]) end
return granted
