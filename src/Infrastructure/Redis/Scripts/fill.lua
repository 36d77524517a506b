-- KEYS: entry, lease. ARGV: token, rank (0: absent), lifetime of the entry in ms, its end in .NET ticks, payload.
-- absexp, sldexp and data are the fields that RedisCache reads.
local lease = redis.call('HMGET', KEYS[2], 'token', 'floor')
if lease[1] ~= ARGV[1] then
  return 'refused'
end
if tonumber(ARGV[2]) < tonumber(lease[2]) then
  return 'outdated'
end
redis.call('HSET', KEYS[1], 'absexp', ARGV[4], 'sldexp', '-1', 'data', ARGV[5], 'rank', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
return 'stored'
