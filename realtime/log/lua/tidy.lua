#!lua
-- KEYS 1 a stream, which goes when nothing is in it. Its ids are times, so those that come later are greater all the same.
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[1]) end
return 0
