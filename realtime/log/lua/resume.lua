#!lua flags=no-writes
-- The entries after `last`, proven to follow it without a hole.
-- KEYS 1 meta  2 log  3 deleted seqs  4 clearings   ARGV 1 epoch  2 last seq seen  3 most entries  4 most bytes (one entry always comes)
-- Returns {'read', epoch, top, {payload, …}, {deleted seq, …}, {facet, seq, …}} | {'lost', epoch, top, 'epoch' | 'ahead' | 'gone'} | {'no_channel'}
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if not meta[1] then return {'no_channel'} end
if meta[1] ~= ARGV[1] then return {'lost', meta[1], meta[2], 'epoch'} end
local last, top, most, bytes = tonumber(ARGV[2]), tonumber(meta[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if last == top then return {'read', meta[1], meta[2], {}, {}, {}} end
if last > top then return {'lost', meta[1], meta[2], 'ahead'} end
local found = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', most + 1)
local page = {}
for i = 1, #found do
  local payload = found[i][2][2]
  local seq, prev = string.match(payload, '^(%d+) (%d+) ')
  if seq ~= ARGV[2] then
    if #page == 0 and prev ~= ARGV[2] then return {'lost', meta[1], meta[2], 'gone'} end
    bytes = bytes - #payload
    if #page >= most or (#page > 0 and bytes < 0) then break end
    page[#page + 1] = payload
  end
end
if #page == 0 then return {'lost', meta[1], meta[2], 'gone'} end
return {'read', meta[1], meta[2], page, redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[2], string.match(page[#page], '^%d+')),
  redis.call('HGETALL', KEYS[4])}
