#!lua
-- Creates a channel's state when Redis does not have it: at first use, or because Redis was emptied.
-- It stores the incarnation too: a tail lost right back to this step must not give a seq twice.
-- KEYS 1 meta   ARGV 1 new epoch  2 highest seq known outside Redis  3 jump  4 incarnation  5… more fields and their values
-- Returns {epoch, seq}
local held = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if held[1] then return held end
local floor = tonumber(ARGV[2])
if floor > 0 then floor = floor + tonumber(ARGV[3]) end
local seq = string.format('%.0f', floor)
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', seq, 'incarnation', ARGV[4], 'rotated', '0', 'archived', seq)
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return {ARGV[1], seq}
