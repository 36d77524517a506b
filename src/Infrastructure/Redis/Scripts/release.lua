-- ARGV: token, formats.
if read_lease()[1] == ARGV[1] then
  return redis.call('DEL', KEYS[2])
end
return 0
