-- ARGV: nonce, lifetime of the lease in ms, times of the entries to refill (16 bytes each), formats.
-- An entry of another format is a miss for its readers, so it must not prevent a fill. A lease beside an entry means that a refill was
-- requested. So do the times of the entry, in case the lease has expired before this step. Other times: it was filled meanwhile.
local data, token = read_data(), read_lease()[1]
local function is_to_be_renewed()
  for first = 1, #ARGV[3], 16 do
    if string.sub(ARGV[3], first, first + 15) == string.sub(data, 10, 25) then
      return true
    end
  end
  return false
end
if data and not token and not is_to_be_renewed() then
  return false
end
return create_lease()
