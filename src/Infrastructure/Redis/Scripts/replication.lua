-- Returns the replication id of the server, which identifies its history of writes. A server that takes over has another one, even if it
-- lost no write. '' if the user may not read it.
local function history()
  local replication = redis.pcall('INFO', 'replication')
  return type(replication) == 'string' and string.match(replication, 'master_replid:(%x+)') or ''
end

