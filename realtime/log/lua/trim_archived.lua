#!lua
-- Sets the archived mark and trims at or below it, in one step; what a returning client may need stays.
-- KEYS 1 meta  2 log  3 channels of this bucket with entries to archive  4 deleted seqs  5 clearings
--      6 messages of shadow-banned users
-- ARGV 1 epoch  2 archived up to this seq, '' = only trim  3 newest entries to keep  4 age in ms to keep  5 channel  6 pause in ms
-- Returns entries trimmed | -1 the mark is not of this log: emptied, or rolled back below it
local call = redis.call
local meta = call('HMGET', KEYS[1], 'epoch', 'archived', 'seq')
if meta[1] ~= ARGV[1] then
  if not meta[1] then call('ZREM', KEYS[3], ARGV[5]) end
  return -1
end
local top, mark = tonumber(meta[3]), tonumber(meta[2] or '0')
if ARGV[2] ~= '' then
  local wanted = tonumber(ARGV[2])
  if wanted > top then return -1 end
  if wanted > mark then
    mark = wanted
    call('HSET', KEYS[1], 'archived', ARGV[2])
  end
end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local excess = call('XLEN', KEYS[2]) - tonumber(ARGV[3])
local trimmed = 0
if excess > 0 then
  local found = call('XRANGE', KEYS[2], '-', string.format('%.0f-0', mark), 'COUNT', math.min(excess, 1000))
  local cut
  for i = 1, #found do
    if tonumber(found[i][2][4] or '0') > now - tonumber(ARGV[4]) then break end
    cut = tonumber(string.match(found[i][1], '^%d+')) + 1
  end
  if cut then
    trimmed = call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', cut))
    excess = excess - trimmed
    call('ZREMRANGEBYSCORE', KEYS[4], '-inf', string.format('(%.0f', cut))
    local clearings = call('HGETALL', KEYS[5])
    for i = 1, #clearings, 2 do
      if tonumber(clearings[i + 1]) < cut then call('HDEL', KEYS[5], clearings[i]) end
    end
  end
end
if mark >= top and excess <= 0 and call('XLEN', KEYS[6]) == 0 then
  call('ZREM', KEYS[3], ARGV[5])
elseif mark >= top and trimmed == 0 then -- all is archived; what is left to trim is still too young
  call('ZADD', KEYS[3], string.format('%.0f', now + tonumber(ARGV[6])), ARGV[5])
end
return trimmed
