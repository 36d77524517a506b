-- ARGV: nonce, lifetime of the lease in ms, formats.
-- A reader may come here long after it missed: what has been filled meanwhile is not asked for again.
if read_data() then
  return false
end
if read_lease()[1] then
  return false
end
return create_lease()
