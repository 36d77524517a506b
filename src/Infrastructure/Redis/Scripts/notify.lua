-- KEYS: the counter of messages. ARGV: channel, an epoch in case a new one is needed, kind, ids separated by commas.
-- Numbers have no gaps, so that a receiver detects a missed message. After the loss of the counter a new epoch begins, so that numbers are
-- not used twice. The published epoch includes the history of the server: after a failover that lost messages the counter may be older,
-- and numbers that were used already must not continue the sequence.
-- Returns '', or the error if the message could not be counted. Such a message has a new epoch, so that all copies are dropped.
local function code_of(reply)
  return type(reply) == 'table' and reply.err or ''
end
local function count()
  local counter = redis.pcall('HMGET', KEYS[1], 'epoch', 'number')
  local epoch, number = counter[1], counter[2]
  if epoch and number and string.find(epoch, '^%w+$') and #number < 16 and string.find(number, '^%d+$') then
    return epoch, redis.pcall('HINCRBY', KEYS[1], 'number', 1)
  end
  if epoch or number or string.sub(code_of(counter), 1, 9) == 'WRONGTYPE' then
    redis.call('DEL', KEYS[1])
  end
  local reply = redis.pcall('HSET', KEYS[1], 'epoch', ARGV[2], 'number', 1)
  return ARGV[2], code_of(reply) == '' and 1 or reply
end
local epoch, number = count()
local failure = code_of(number)
if failure ~= '' then
  -- If only the counter is refused, the message can still be published.
  if string.sub(failure, 1, 3) ~= 'OOM' and string.sub(failure, 1, 6) ~= 'NOPERM' and not string.find(failure, 'user executing the script', 1, true) then
    return number
  end
  epoch, number = ARGV[2], 1
end
redis.call('PUBLISH', ARGV[1], epoch .. '.' .. history() .. ' ' .. number .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
return failure
