-- KEYS: lease. ARGV: nonce, lifetime of the lease in ms.
-- The token is made here, at every execution: a command that the client library sends again never revives an old one.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
local now = redis.call('TIME')
local token = ARGV[1] .. '-' .. now[1] .. '-' .. now[2]
redis.call('HSET', KEYS[1], 'token', token, 'floor', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return token
