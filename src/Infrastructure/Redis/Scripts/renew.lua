-- ARGV: nonce, lifetime of the lease in ms, marker, history that the marker was made in, formats.
-- The marker is '' if it does not exist yet, '-' if there was no entry, else the times of the entry when the marker was made. A fill writes
-- new times and a refresh keeps them, so other times mean a fill whose claim is later than the marker. A marker of another history is
-- invalid: a server that takes over may have an entry that was replaced before the marker was made.
local here = history()
local marker = ARGV[4] == here and ARGV[3] or ''
local data = read_data()
if data and marker ~= '' and string.sub(data, 10, 25) ~= marker then
  return {'renewed', data, false, here}
end
local token = read_lease()[1]
if token then
  -- The holder of a claim ('w') may have read the row already. After a reader's lease, the row is read after a later claim.
  return {string.sub(token, 1, 1) == 'w' and 'busy' or 'asked', data, false, here}
end
return {'asked', data, create_lease(), here}
