#!lua flags=no-writes
-- The oldest entries above the archived mark that have stood long enough to be on disk.
-- KEYS 1 meta  2 log   ARGV 1 most entries  2 age in ms
-- Returns {epoch, {payload, …}, {ms of storing, …}} | {} no such channel
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'archived')
if not meta[1] then return {} end
local time = redis.call('TIME')
local latest = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[2])
local found = redis.call('XRANGE', KEYS[2], '(' .. (meta[2] or '0') .. '-0', '+', 'COUNT', ARGV[1])
local payloads, times = {}, {}
for i = 1, #found do
  local at = found[i][2][4] or '0'
  if tonumber(at) > latest then break end
  payloads[i], times[i] = found[i][2][2], at
end
return {meta[1], payloads, times}
