#!lua
-- Adds one process' counts to the sum of all, each batch once.
-- KEYS 1 the sum, by field  2 the last batch of this process   ARGV 1 batch  2… field, number
if redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', 600000)
return 1
