#!lua flags=no-writes
-- A channel's entries after a seq that were stored since a time.
-- KEYS 1 meta  2 log   ARGV 1 seq, '' = from the oldest  2 since when, ms  3 most entries to look at
-- Returns {last seq looked at, payload, …} | {} nothing is after it
local found = redis.call('XRANGE', KEYS[2], ARGV[1] == '' and '-' or '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[3])
if #found == 0 then return {} end
local since, reply = tonumber(ARGV[2]), {(string.match(found[#found][1], '^%d+'))}
for i = 1, #found do
  if tonumber(found[i][2][4] or '0') >= since then reply[#reply + 1] = found[i][2][2] end
end
return reply
