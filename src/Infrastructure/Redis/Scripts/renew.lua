-- ARGV: nonce, lifetime of the lease in ms, mark, formats.
-- The mark: '' for none yet, '-' for no entry, else the times of the entry that was there when the mark was made. A fill
-- writes new times, a refresh leaves them: so other times mean a fill under a claim that came after the mark.
local data = read_data()
if data and ARGV[3] ~= '' and string.sub(data, 10, 25) ~= ARGV[3] then
  return {'renewed', data, false}
end
local token = read_lease()[1]
if token then
  -- The rows of a claim ('w') may have been read already; those of a reader's lease will be read after a claim to come.
  return {string.sub(token, 1, 1) == 'w' and 'busy' or 'asked', data, false}
end
return {'asked', data, create_lease()}
