#!lua
-- Marks an app's channels as followed, for some time. What was said while no client followed them is not in the app's log;
-- so the log gets a new epoch, and no position from before can be continued as if nothing were missing.
-- KEYS 1 meta   ARGV 1 epoch to use then  2 for how long, ms
-- Returns {'new'} when no client followed before | {'followed'} | {'no_log'}
local call, number = redis.call, function(n) return string.format('%.0f', n) end
local meta = call('HMGET', KEYS[1], 'epoch', 'since', 'until')
if not meta[1] then return {'no_log'} end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fresh = not meta[3] or tonumber(meta[3]) <= now
if fresh then
  if meta[2] then call('HSET', KEYS[1], 'epoch', ARGV[1]) end
  call('HSET', KEYS[1], 'since', number(now))
end
call('HSET', KEYS[1], 'until', number(now + tonumber(ARGV[2])))
return {fresh and 'new' or 'followed'}
