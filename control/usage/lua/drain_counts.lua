#!lua
-- Sets the counts of messages aside as a batch; the one that was set aside before and not finished goes first.
-- KEYS 1 counts of all processes  2 the batch   ARGV 1 a name for it
-- Returns the batch, with its name in the field `batch`; empty when there is nothing
if redis.call('EXISTS', KEYS[2]) == 0 then
  if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[2], 'batch', ARGV[1])
end
return redis.call('HGETALL', KEYS[2])
