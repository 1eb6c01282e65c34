#!lua
-- Puts events into an app's own log and publishes them, in one step: what comes from one source in its order, and once.
-- KEYS 1 meta  2 log  3 (only for events known by their id) what this id was answered with
-- ARGV 1 incarnation of this Redis as read on this connection  2 shard channel  3 jump  4 newest entries to keep
--      5 source: a channel, a place, a space; '' for none  6 the position that the source must have, '*' = any
--      7 its position afterwards, if that is further  8 '1' = only while no client follows the app's channels
--      9 what else is kept of an event that is known by its id
--      10… pairs: event type, JSON after the head without the opening brace
-- Returns {'stored', seq, epoch} | {'known', 'epoch seq' and what is kept} this id was stored before
--       | {'elsewhere', the source's position} | {'no_log'} | {'followed'} although ARGV 8 is '1'
local call, number = redis.call, function(n) return string.format('%.0f', n) end
local meta = call('HMGET', KEYS[1], 'epoch', 'seq', 'incarnation', 'until', 's:' .. ARGV[5], 'unread')
local epoch = meta[1]
if not epoch then return {'no_log'} end
if KEYS[3] then
  local before = call('GET', KEYS[3])
  if before then return {'known', before} end
end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[8] == '1' and meta[4] and tonumber(meta[4]) > now then return {'followed'} end
if ARGV[5] ~= '' then
  local stands = meta[5] or ''
  if ARGV[6] ~= '*' and stands ~= ARGV[6] then return {'elsewhere', stands} end
end

local prev = tonumber(meta[2])
local kept = tonumber(ARGV[4]) -- more while somebody has not read them: webhooks that wait for their dispatcher
if meta[6] then kept = math.min(math.max(kept, prev - tonumber(meta[6]) + 1000), kept * 10) end
local seq = prev
if meta[3] ~= ARGV[1] then -- step over whatever tail a restarted or promoted Redis may have lost
  seq = seq + tonumber(ARGV[3])
  call('HSET', KEYS[1], 'incarnation', ARGV[1])
end
local published = {}
for i = 10, #ARGV, 2 do
  seq = seq + 1
  local payload = table.concat({number(seq), number(prev), epoch, ARGV[i],
    '{"seq":' .. number(seq) .. ',"epoch":"' .. epoch .. '",' .. ARGV[i + 1]}, ' ')
  call('XADD', KEYS[2], 'MAXLEN', '~', number(kept), number(seq) .. '-0', 'd', payload, 't', number(now))
  published[#published + 1] = payload
  prev = seq
end
call('HSET', KEYS[1], 'seq', number(seq))
if ARGV[5] ~= '' and tonumber(ARGV[7]) > tonumber(meta[5] or '-1') then call('HSET', KEYS[1], 's:' .. ARGV[5], ARGV[7]) end
if KEYS[3] then call('SET', KEYS[3], epoch .. ' ' .. number(seq) .. ' ' .. ARGV[9], 'PX', 86400000) end
for i = 1, #published do call('SPUBLISH', ARGV[2], published[i]) end
return {'stored', number(seq), epoch}
