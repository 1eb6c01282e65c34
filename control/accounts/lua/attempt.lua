#!lua
-- One try of a password, counted before it is checked: KEYS failures of this network or device with the account, its lock,
-- failures of the account over all unknown networks. ARGV free tries, "1" for an unknown network, how many failures of the account
-- within its hour leave such a network one free try, longest lock in ms, ms for which failures are remembered.
-- Returns 0 when the password may be checked, else the ms of the lock that are left.
local left = redis.call('PTTL', KEYS[2])
if left > 0 then return left end
local free, tries = tonumber(ARGV[1]), redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if ARGV[2] == '1' then
  local all = redis.call('INCR', KEYS[3])
  if all == 1 then redis.call('PEXPIRE', KEYS[3], 3600000) end
  if all - 1 > tonumber(ARGV[3]) then free = 1 end
end
if tries >= free then
  redis.call('SET', KEYS[2], '1', 'PX', math.min(tonumber(ARGV[4]), 1000 * 2 ^ math.min(tries - free, 20)))
end
return 0
