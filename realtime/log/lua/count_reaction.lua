#!lua
-- Counts reactions of all nodes and gives them out in turns: at most one update each pause in the whole installation.
-- KEYS 1 counts by kind  2 the pause   ARGV 1 pause in ms  2… kind, count, …
-- Returns {kind, count, …} to publish now | {} nothing, or later: call again while counts are kept
local call = redis.call
for i = 2, #ARGV, 2 do call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
call('PEXPIRE', KEYS[1], 60000)
if call('EXISTS', KEYS[1]) == 0 or not call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return {} end
local counts = call('HGETALL', KEYS[1])
call('DEL', KEYS[1])
return counts
