-- KEYS: entry, lease. ARGV: nonce, lifetime of the lease in ms, format that this process reads, mark.
-- The mark: '' for none yet, '-' for no entry, else the times of the entry that was there when the mark was made. A fill
-- writes new times, a refresh leaves them: so other times mean a fill under a claim that came after the mark.
local data = redis.call('HGET', KEYS[1], 'data')
if data and string.byte(data) ~= tonumber(ARGV[3]) then
  data = false
end
if data and ARGV[4] ~= '' and string.sub(data, 10, 25) ~= ARGV[4] then
  return {'renewed', data, false}
end
local token = redis.call('HGET', KEYS[2], 'token')
if token then
  -- The rows of a claim ('w') may have been read already; those of a reader's lease will be read after a claim to come.
  return {string.sub(token, 1, 1) == 'w' and 'busy' or 'asked', data, false}
end
local now = redis.call('TIME')
token = ARGV[1] .. '-' .. now[1] .. '-' .. now[2]
redis.call('HSET', KEYS[2], 'token', token, 'floor', 0)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {'asked', data, token}
