-- KEYS: entry, lease. ARGV: nonce, lifetime of the lease in ms, header of the entry that the reader has.
-- The reader's copy may be old: what has been renewed meanwhile is not asked for again.
local data = redis.call('HGET', KEYS[1], 'data')
if not data or string.sub(data, 1, #ARGV[3]) ~= ARGV[3] then
  return false
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return false
end
local now = redis.call('TIME')
local token = ARGV[1] .. '-' .. now[1] .. '-' .. now[2]
redis.call('HSET', KEYS[2], 'token', token, 'floor', 0)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return token
