-- ARGV: nonce, lifetime of the lease in ms, formats.
-- An entry of another format is a miss to its readers, so it must not stop a fill. A lease beside an entry means that
-- an early refresh of it was requested.
local data, token = read_data(), read_lease()[1]
if data and not token then
  return false
end
return create_lease()
