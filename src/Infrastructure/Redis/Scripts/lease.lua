-- KEYS: entry, lease. ARGV: nonce, lifetime of the lease in ms, format that this process reads.
-- A reader may come here long after it missed: what has been filled meanwhile is not asked for again.
local data = redis.call('HGET', KEYS[1], 'data')
if data and string.byte(data) == tonumber(ARGV[3]) then
  return false
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return false
end
-- The token is made here, at every execution: a command that the client library sends again never revives an old one.
local now = redis.call('TIME')
local token = ARGV[1] .. '-' .. now[1] .. '-' .. now[2]
redis.call('HSET', KEYS[2], 'token', token, 'floor', 0)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return token
