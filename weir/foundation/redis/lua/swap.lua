#!lua
-- Reads a small value, or replaces it if nobody else has: compare-and-swap on Redis' clock.
-- KEYS 1 the value   ARGV none to read; else 1 what it must be (empty: missing)  2 the new one (empty: none)  3 ms to keep it
-- Returns {value, ms}; with ARGV {1 if replaced or 0, the value that there was, ms}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local found = redis.call('GET', KEYS[1]) or ''
if #ARGV == 0 then return {found, now} end
if found ~= ARGV[1] then return {0, found, now} end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return {1, found, now}
