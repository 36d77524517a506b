-- ARGV: token, rank, lifetime of the entry in ms, its expiry in .NET ticks, payload, end of the content (0: none), formats.
-- absexp, sldexp and data are the fields that RedisCache reads.
local lease = read_lease()
if lease[1] ~= ARGV[1] then
  return 'refused'
end
if tonumber(ARGV[2]) < tonumber(lease[2]) then
  return 'outdated'
end
local function store()
  return redis.pcall('HSET', KEYS[1], 'absexp', ARGV[4], 'sldexp', '-1', 'data', ARGV[5], 'rank', ARGV[2])
end
local reply = store()
if type(reply) == 'table' and reply.err and string.sub(reply.err, 1, 9) == 'WRONGTYPE' then
  redis.call('DEL', KEYS[1])
  reply = store()
end
if type(reply) == 'table' and reply.err then
  return reply
end
expire_entry(ARGV[3], ARGV[6])
redis.call('DEL', KEYS[2])
return 'stored'
