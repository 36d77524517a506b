-- ARGV: rank of the stale entry, rank of the row, payload of the row, first and last position of the times in a payload (from 1), end of the
-- content (0: none), formats.
-- The floor of the lease is raised first: a refill in flight with an older row must not replace this row.
local rank = tonumber(ARGV[2])
local floor = read_lease()[2]
if floor and tonumber(floor) < rank then
  redis.call('HSET', KEYS[2], 'floor', ARGV[2])
end
local entry = read_entry()
local current = tonumber(entry[1] or -1)
local mapped = is_mapped(ARGV[3])
if current < 0 or (current == 0 and not mapped) or current >= rank then
  return 'current'
end
-- A product that has become absent or present is removed: the lifetimes differ.
if current ~= tonumber(ARGV[1]) or is_mapped(entry[2]) ~= mapped or kind_of(entry[2]) ~= kind_of(ARGV[3]) then
  redis.call('DEL', KEYS[1])
  return 'removed'
end
-- The expiry of the entry is unchanged, so its times are kept.
local first, last = tonumber(ARGV[4]), tonumber(ARGV[5])
local data = string.sub(ARGV[3], 1, first - 1) .. string.sub(entry[2], first, last) .. string.sub(ARGV[3], last + 1)
redis.call('HSET', KEYS[1], 'data', data, 'rank', ARGV[2])
if mapped then
  -- Until a change through a key is expanded, one version has two bodies: an older claim may have read the other one, so its fill is outdated.
  if floor and tonumber(floor) <= rank then
    redis.call('HSET', KEYS[2], 'floor', rank + 1)
  end
  expire_entry(redis.call('PTTL', KEYS[1]), ARGV[6])
end
return 'replaced'
