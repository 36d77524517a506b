-- ARGV: nonce, lifetime of the lease in ms, formats.
-- This step may follow the miss late: a product that was filled meanwhile is not requested again.
if read_data() then
  return false
end
if read_lease()[1] then
  return false
end
return create_lease()
