#!lua flags=no-writes
-- The newest entries below a seq, newest first, with the position they were read at.
-- KEYS 1 meta  2 log  3 deleted seqs  4 clearings   ARGV 1 '+' or '(<seq>-0'  2 most entries
-- Returns {'read', epoch, top, {payload, …}, {deleted seq, …}, {facet, seq, …}} | {'no_channel'}
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if not meta[1] then return {'no_channel'} end
local found = redis.call('XREVRANGE', KEYS[2], ARGV[1], '-', 'COUNT', ARGV[2])
if #found == 0 then return {'read', meta[1], meta[2], {}, {}, {}} end
local first, last = string.match(found[#found][1], '^%d+'), string.match(found[1][1], '^%d+')
for i = 1, #found do found[i] = found[i][2][2] end
return {'read', meta[1], meta[2], found, redis.call('ZRANGEBYSCORE', KEYS[3], first, last), redis.call('HGETALL', KEYS[4])}
