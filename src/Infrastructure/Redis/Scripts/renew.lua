-- ARGV: nonce, lifetime of the lease in ms, marker, history that the marker was made in, formats.
-- The marker: '' for none yet, '-' for no entry, else the times of the entry that was there when the marker was made. A fill
-- writes new times, a refresh leaves them: so other times mean a fill under a claim that came after the marker. A marker of another history
-- counts as none: a server that takes over may have an entry that was replaced before the marker was made.
local here = history()
local marker = ARGV[4] == here and ARGV[3] or ''
local data = read_data()
if data and marker ~= '' and string.sub(data, 10, 25) ~= marker then
  return {'renewed', data, false, here}
end
local token = read_lease()[1]
if token then
  -- The rows of a claim ('w') may have been read already; those of a reader's lease will be read after a claim to come.
  return {string.sub(token, 1, 1) == 'w' and 'busy' or 'asked', data, false, here}
end
return {'asked', data, create_lease(), here}
