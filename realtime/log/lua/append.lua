#!lua
-- Appends one entry to a channel's log and publishes it, in one step. All checks come before the first write, because
-- an error after a write is not rolled back. Numbers leave through %.0f: Lua prints 1e14 and above in short form.
-- KEYS 1 meta  2 log  3 dedupe  4 dedupe of the generation before  5 rate of this user in this channel
--      6 channels of this bucket with entries to archive, by the ms since when  7 deleted seqs  8 clearings: facet -> seq
--      9 messages of shadow-banned users, by the seq before them
--      only for a guest: 10 rate of all guests of this address in this channel  11 rate of all guests in this channel
-- ARGV 1 incarnation of this Redis as read on this connection  2 dedupe digest  3 user id  4 shard channel  5 event type
--      6 JSON after the head, without the opening brace  7 entry id  8 time in ms, 0 = now  9 interval of the user's rate in us
--      10 burst in us  11 '1' = exempt from lock, slow mode and restrictions  12 jump  13 most entries of a log
--      14 restrictions satisfied (s f e)  15 facet of the channel's state that this entry changes  16 its turn
--      17 for a guest interval and burst in us of KEYS 10, then those of KEYS 11, since when in ms it is known, ms that the app lets it wait
--      18 since when in ms the sender is known, and fields of the state, besides the user's own, under which it may be banned
--      19… changes, in triples: set FIELD VALUE | unset FIELD '' | gone SEQ '' | back SEQ '' | clear FACET SEQ, '' = this entry's | unclear FACET ''
-- Returns {'stored', seq, epoch} | {'repeated', 'seq id', epoch} | {'no_channel'} | {'banned', until ms} | {'muted', until ms}
--       | {'locked'} | {'slow_mode', wait ms} | {'too_fast', wait ms} | {'full'} | {'superseded'} | {'restricted', restriction}
--       | {'guests_of_address', wait ms} | {'guests', wait ms} | {'guest_wait', wait ms}
local call, number = redis.call, function(n) return string.format('%.0f', n) end

-- RFC 3339 UTC; days to civil date by era of 400 years.
local function rfc3339(ms)
  local floor = math.floor
  local days = floor(ms / 86400000)
  local rest = ms - days * 86400000
  local shifted = days + 719468
  local era = floor(shifted / 146097)
  local day_of_era = shifted - era * 146097
  local year_of_era = floor((day_of_era - floor(day_of_era / 1460) + floor(day_of_era / 36524) - floor(day_of_era / 146096)) / 365)
  local day_of_year = day_of_era - (365 * year_of_era + floor(year_of_era / 4) - floor(year_of_era / 100))
  local month = floor((5 * day_of_year + 2) / 153)
  local day = day_of_year - floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
    floor(rest / 3600000), floor(rest / 60000) % 60, floor(rest / 1000) % 60, rest % 1000)
end

local meta = call('HMGET', KEYS[1], 'epoch', 'seq', 'incarnation', 'lock', 'slow', 'rotated', 'b:' .. ARGV[3],
  'm:' .. ARGV[3], 's:' .. ARGV[3], 'subscribers', 'followers', 'emoteonly', 't:' .. ARGV[15], 'guestsread', 'guestwait')
local epoch = meta[1]
if not epoch then return {'no_channel'} end
local before = call('HGET', KEYS[3], ARGV[2]) or call('HGET', KEYS[4], ARGV[2])
if before then return {'repeated', before, epoch} end

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local ms = math.floor(now / 1000)
if meta[7] then
  local ends = tonumber(meta[7])
  if ends == 0 or ends > ms then return {'banned', meta[7]} end
end
local since
for name in string.gmatch(ARGV[18], '%S+') do
  since = since or tonumber(name)
  local ends, from = string.match(call('HGET', KEYS[1], name) or '1', '^(%d+) ?(%d*)$')
  if (ends == '0' or tonumber(ends) > ms) and since >= tonumber('0' .. from) then return {'banned', ends} end
end
if meta[8] then
  local ends = tonumber(meta[8])
  if ends == 0 or ends > ms then return {'muted', meta[8]} end
end
if ARGV[15] ~= '' and tonumber(ARGV[16]) <= tonumber(meta[13] or '0') then return {'superseded'} end
local interval, burst, slow = tonumber(ARGV[9]), tonumber(ARGV[10]), false
if ARGV[11] ~= '1' then
  if meta[4] == '1' then return {'locked'} end
  if meta[10] and not string.find(ARGV[14], 's') then return {'restricted', 'subscribers'} end
  if meta[11] and not string.find(ARGV[14], 'f') then return {'restricted', 'followers'} end
  if meta[12] and not string.find(ARGV[14], 'e') then return {'restricted', 'emoteonly'} end
  local gap = tonumber(meta[5] or '0') * 1000
  if gap > interval then interval = gap; burst = 0; slow = true end
end
local arrival
if interval > 0 then
  arrival = tonumber(call('GET', KEYS[5]) or '0')
  -- Further ahead than this pace can run: left by a slower mode that has ended.
  if arrival < now or arrival - now > burst + interval then arrival = now end
  if arrival - now > burst then return {slow and 'slow_mode' or 'too_fast', math.ceil((arrival - now - burst) / 1000)} end
  arrival = arrival + interval
end
local shared = {} -- of guests: key -> its arrival time with this message
if KEYS[10] then
  local numbers = {}
  for one in string.gmatch(ARGV[17], '%d+') do numbers[#numbers + 1] = tonumber(one) end
  if meta[14] then return {'restricted', 'guestsread'} end
  local left = numbers[5] + math.max(numbers[6], tonumber(meta[15] or '0')) - ms
  if left > 0 then return {'guest_wait', left} end
  for i = 1, 2 do
    local due = math.max(tonumber(call('GET', KEYS[9 + i]) or '0'), now)
    local ahead = due - now - numbers[2 * i]
    if ahead > 0 then return {i == 1 and 'guests_of_address' or 'guests', math.ceil(ahead / 1000)} end
    shared[KEYS[9 + i]] = due + numbers[2 * i - 1]
  end
end
if call('XLEN', KEYS[2]) >= tonumber(ARGV[13]) then return {'full'} end

-- From here on only writes. The first is refused when memory is short, so a refusal leaves nothing.
local function remember(value)
  if ms - tonumber(meta[6]) > 600000 then -- two generations of 10 min: a cid is known for 10 to 20 min
    if call('EXISTS', KEYS[3]) == 1 then
      call('RENAME', KEYS[3], KEYS[4])
      call('PEXPIRE', KEYS[4], 1200000)
    end
    call('HSET', KEYS[3], ARGV[2], value)
    call('PEXPIRE', KEYS[3], 1800000)
    call('HSET', KEYS[1], 'rotated', number(ms))
  else
    call('HSET', KEYS[3], ARGV[2], value)
  end
  if arrival then call('SET', KEYS[5], number(arrival), 'PX', math.ceil((arrival - now) / 1000) + 1) end
  for key, due in pairs(shared) do call('SET', key, number(due), 'PX', math.ceil((due - now) / 1000) + 1) end
end
local prev = tonumber(meta[2])
local at = tonumber(ARGV[8])
if at == 0 then at = ms end
local function payload_of(seq)
  return table.concat({number(seq), number(prev), epoch, ARGV[5],
    '{"seq":' .. number(seq) .. ',"epoch":"' .. epoch .. '","at":"' .. rfc3339(at) .. '",' .. ARGV[6]}, ' ')
end

if meta[9] then -- shadow-banned: no seq of its own, stored outside the log; seq = prev marks what is not in the sequence
  local beside = payload_of(prev)
  call('XADD', KEYS[9], 'MAXLEN', '~', '10000', number(prev) .. '-*', 'd', beside, 'u', ARGV[3], 't', number(ms))
  call('ZADD', KEYS[6], 'LT', number(ms), string.match(ARGV[4], '}:(.*)$'))
  remember(number(prev) .. ' ' .. ARGV[7])
  call('SPUBLISH', ARGV[4], beside)
  return {'stored', number(prev), epoch}
end

local seq = prev + 1
if meta[3] == ARGV[1] then
  call('HSET', KEYS[1], 'seq', number(seq))
else -- first entry since Redis started or was promoted: step over whatever tail it may have lost
  seq = seq + tonumber(ARGV[12])
  call('HSET', KEYS[1], 'seq', number(seq), 'incarnation', ARGV[1])
end
local s, payload = number(seq), payload_of(seq)
call('XADD', KEYS[2], s .. '-0', 'd', payload, 't', number(ms))
call('ZADD', KEYS[6], 'LT', number(ms), string.match(ARGV[4], '}:(.*)$'))
remember(s .. ' ' .. ARGV[7])
if ARGV[15] ~= '' then call('HSET', KEYS[1], 't:' .. ARGV[15], ARGV[16]) end
for i = 19, #ARGV, 3 do
  local verb, name, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if verb == 'set' then call('HSET', KEYS[1], name, value)
  elseif verb == 'unset' then call('HDEL', KEYS[1], name)
  elseif verb == 'gone' then call('ZADD', KEYS[7], name, name)
  elseif verb == 'back' then call('ZREM', KEYS[7], name)
  elseif verb == 'clear' then call('HSET', KEYS[8], name, value ~= '' and value or s)
  elseif verb == 'unclear' then call('HDEL', KEYS[8], name) end
end
call('SPUBLISH', ARGV[4], payload)
return {'stored', s, epoch}
