#!lua
-- GCRA on Redis' own clock: takes up to the wanted number of permits.
-- KEYS 1 the subject's theoretical arrival time, µs   ARGV 1 µs a permit  2 burst  3 wanted
-- Returns {granted, left, µs until the next permit, µs until all are back}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local free = math.floor((now + burst * interval - arrival) / interval)
local granted = math.max(0, math.min(wanted, free))
if granted == 0 then return {0, 0, arrival + interval - now - burst * interval, arrival - now} end
arrival = arrival + granted * interval
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
return {granted, free - granted, 0, arrival - now}
