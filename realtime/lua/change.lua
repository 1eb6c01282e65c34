#!lua
-- Changes a facet of a channel's state without an entry in its log, for what not everybody may know.
-- KEYS 1 meta   ARGV 1 facet  2 its turn  3 'set' | 'unset'  4 field  5 value  6 shard channel  7 payload to publish
-- Returns 1 done | 0 this or a later turn stands | -1 no such channel
local call = redis.call
local meta = call('HMGET', KEYS[1], 'epoch', 't:' .. ARGV[1])
if not meta[1] then return -1 end
if tonumber(ARGV[2]) <= tonumber(meta[2] or '0') then return 0 end
call('HSET', KEYS[1], 't:' .. ARGV[1], ARGV[2])
if ARGV[3] == 'set' then call('HSET', KEYS[1], ARGV[4], ARGV[5]) else call('HDEL', KEYS[1], ARGV[4]) end
call('SPUBLISH', ARGV[6], ARGV[7])
return 1
