-- ARGV: rank of the change (2v: row version v; 2v+1: row version v was deleted), formats.
-- Returns the rank of a stale entry, -1 if the entry was removed, else -2. In a process with a mapping: its rank, and the time in ms.
-- In a process with a mapping absences have versions too, so any entry of a lower rank is stale.
local rank = tonumber(ARGV[1])
local floor = read_lease()[2]
if floor and tonumber(floor) < rank then
  redis.call('HSET', KEYS[2], 'floor', ARGV[1])
end
local entry = read_entry()
local current, data = entry[1], entry[2]
if current and tonumber(current) - rank > MAX_LEAD then
  -- PostgreSQL cannot have drawn that version yet: another program wrote the entry, and it would outlive every change.
  redis.call('DEL', KEYS[1])
  return -1
end
if not current or tonumber(current) >= rank then
  return -2
end
if is_mapped(ARGV[#ARGV]) then
  local now = redis.call('TIME')
  return { tonumber(current), now[1] * 1000 + math.floor(now[2] / 1000) }
end
local deletion = rank % 2 == 1
if tonumber(current) == 0 then
  -- A header without a body: there is no row. A header with a body: the row is unreadable, which a deletion ends.
  if deletion and #data == 25 then
    return -2
  end
  redis.call('DEL', KEYS[1])
  return -1
end
if deletion then
  redis.call('DEL', KEYS[1])
  return -1
end
return tonumber(current)
