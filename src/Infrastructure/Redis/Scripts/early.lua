-- ARGV: nonce, lifetime of the lease in ms, header of the entry that the reader has, formats.
-- The copy of the reader may be old: an entry that was refilled meanwhile is not requested again.
local data = read_data()
if not data or string.sub(data, 1, #ARGV[3]) ~= ARGV[3] then
  return false
end
if read_lease()[1] then
  return false
end
return create_lease()
