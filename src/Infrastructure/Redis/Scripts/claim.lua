-- KEYS: entry, lease. ARGV: nonce, lifetime of the lease in ms, format that this process reads.
-- An entry of another format is a miss to its readers, so it must not stop a fill. A lease beside an entry means that
-- somebody asked for its early refresh.
local data = redis.call('HGET', KEYS[1], 'data')
if data and string.byte(data) == tonumber(ARGV[3]) and redis.call('EXISTS', KEYS[2]) == 0 then
  return false
end
local now = redis.call('TIME')
local token = ARGV[1] .. '-' .. now[1] .. '-' .. now[2]
redis.call('HSET', KEYS[2], 'token', token, 'floor', 0)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return token
