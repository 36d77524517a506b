-- The history of writes that the data here is the result of, as Redis names it: a server that takes over has another one, even if it
-- lost no write. '' where our user may not ask.
local function history()
  local replication = redis.pcall('INFO', 'replication')
  return type(replication) == 'string' and string.match(replication, 'master_replid:(%x+)') or ''
end

