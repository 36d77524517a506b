-- KEYS: entry and lease of a product that cannot exist. ARGV: nonce, lifetime in ms.
-- Does what the steps need: writes, reads and removes hashes that expire. The script removes its keys at the end. The first command is a
-- write, since Redis refuses a script for lack of memory only before its first write.
for _, key in ipairs(KEYS) do
  local reply = redis.pcall('HSET', key, 'token', ARGV[1])
  if type(reply) == 'table' and reply.err then
    if string.sub(reply.err, 1, 9) ~= 'WRONGTYPE' then
      return reply
    end
    redis.call('DEL', key)
    redis.call('HSET', key, 'token', ARGV[1])
  end
  redis.call('PEXPIRE', key, ARGV[2])
  if redis.call('HMGET', key, 'token')[1] ~= ARGV[1] then
    return redis.error_reply('ERR Redis did not read what was written')
  end
end
return redis.call('DEL', KEYS[1], KEYS[2])
