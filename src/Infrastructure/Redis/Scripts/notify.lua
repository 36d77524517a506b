-- KEYS: the counter of messages. ARGV: channel, an epoch if a new one is needed, kind, ids separated by commas.
-- Numbers have no gaps, so a receiver sees that it missed one. A lost counter starts another epoch, so that the numbers
-- of before are not taken up again.
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[2])
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
return redis.call('PUBLISH', ARGV[1], epoch .. ' ' .. number .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
