-- KEYS: entry and lease of a product that cannot exist. ARGV: nonce, lifetime in ms.
-- What the steps need: to write, read and remove hashes that expire. The keys are gone when the script ends. No removal comes before the
-- first write, since a script that has written once is no longer refused when the memory is full.
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
