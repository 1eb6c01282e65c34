#!lua
-- Changes a facet of a channel's state without an entry in its log, for what not everybody may know.
-- KEYS 1 meta   ARGV 1 facet  2 its turn  3 shard channel  4 payload to publish, '' for none  5… triples: 'set' | 'unset', field, value
-- Returns 'stored' | 'superseded' this or a later turn is in effect | 'no_channel'
local call = redis.call
local meta = call('HMGET', KEYS[1], 'epoch', 't:' .. ARGV[1])
if not meta[1] then return 'no_channel' end
if tonumber(ARGV[2]) <= tonumber(meta[2] or '0') then return 'superseded' end
call('HSET', KEYS[1], 't:' .. ARGV[1], ARGV[2])
for i = 5, #ARGV, 3 do
  if ARGV[i] == 'set' then call('HSET', KEYS[1], ARGV[i + 1], ARGV[i + 2]) else call('HDEL', KEYS[1], ARGV[i + 1]) end
end
if ARGV[4] ~= '' then call('SPUBLISH', ARGV[3], ARGV[4]) end
return 'stored'
