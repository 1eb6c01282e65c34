#!lua flags=no-writes
-- The newest entries below a seq, newest first, with the position they were read at.
-- KEYS 1 meta  2 log   ARGV 1 '+' or '(<seq>-0'  2 most entries
-- Returns {1, epoch, top, {payload, …}} | {-1} no such channel
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if not meta[1] then return {-1} end
local found = redis.call('XREVRANGE', KEYS[2], ARGV[1], '-', 'COUNT', ARGV[2])
for i = 1, #found do found[i] = found[i][2][2] end
return {1, meta[1], meta[2], found}
