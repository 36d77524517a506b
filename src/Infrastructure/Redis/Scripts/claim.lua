-- ARGV: nonce, lifetime of the lease in ms, times of the entries that are to be renewed (16 bytes each), formats.
-- An entry of another format is a miss to its readers, so it must not stop a fill. A lease beside an entry means that its renewal was
-- requested; so do its times, should the lease have ended before this Worker came. Other times: it was filled since.
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
