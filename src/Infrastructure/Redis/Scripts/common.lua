-- Precedes every step on a product. KEYS: entry, lease. Last of ARGV: the formats that this process reads, one byte each.
-- A damaged key (another type, a damaged field, no expiry) would block its product for ever, so it is removed and the step continues
-- without it. That is always safe: a fill without its lease is refused, and a missing entry is a miss.
local MAX_RANK = 9007199254740991
local MAX_VERSION = 4503599627370495
-- ProductVersion.MaxLead, in ranks.
local MAX_LEAD = 2199023255552
local MAX_MILLISECONDS = 253402300799999
local MAX_TICKS = '3155378975999999999'

-- Ranks and floors are decimal, without leading zeros, and exact as numbers of Lua.
local function is_rank(text)
  return text and #text <= 16 and (text == '0' or string.find(text, '^[1-9]%d*$') ~= nil) and tonumber(text) <= MAX_RANK
end

-- The expiry of an entry, which RedisCache reads. It is too long to be exact as a number of Lua.
local function is_ticks(text)
  return text and string.find(text, '^[1-9]%d*$') ~= nil and (#text < #MAX_TICKS or (#text == #MAX_TICKS and text <= MAX_TICKS))
end

-- Returns the fields of a key that expires, or nil if the key is missing. A key of another type has no fields, so the caller removes it.
local function read_hash(key, ...)
  local left = redis.call('PTTL', key)
  if left == -2 then
    return nil
  end
  local fields = redis.pcall('HMGET', key, ...)
  if fields.err and string.sub(fields.err, 1, 9) ~= 'WRONGTYPE' then
    return redis.call('HMGET', key, ...)
  end
  if left == -1 then
    redis.call('DEL', key)
    return nil
  end
  return fields
end

-- The same rules as CachedProduct.TryRead, for a format that this process reads.
local function is_plausible(data, rank)
  if #data < 25 then
    return false
  end
  local _, version, filled_at, lifetime = struct.unpack('>Bi8i8i8', data)
  return version >= 0 and version <= MAX_VERSION and 2 * version == tonumber(rank) and (version == 0 or #data > 25)
    and filled_at >= 0 and filled_at <= MAX_MILLISECONDS and lifetime >= 0 and lifetime <= MAX_MILLISECONDS
end

-- Empty data counts as readable, but is never plausible.
local function is_readable(data)
  return string.find(ARGV[#ARGV], string.sub(data, 1, 1), 1, true) ~= nil
end

-- Returns { rank, data }, or an empty table. An entry of another format is kept for the processes that read it; its rank is valid here too.
local function read_entry()
  local fields = read_hash(KEYS[1], 'rank', 'data', 'absexp', 'sldexp')
  if not fields then
    return {}
  end
  local rank, data = fields[1], fields[2]
  if is_rank(rank) and data and is_ticks(fields[3]) and fields[4] == '-1'
    and (not is_readable(data) or is_plausible(data, rank)) then
    return { rank, data }
  end
  redis.call('DEL', KEYS[1])
  return {}
end

-- Returns the data of an entry, or false. An entry of a format that this process does not read is a miss.
local function read_data()
  local data = read_entry()[2]
  return data and is_readable(data) and data or false
end

-- Returns { token, floor }, or an empty table.
local function read_lease()
  local fields = read_hash(KEYS[2], 'token', 'floor')
  if not fields then
    return {}
  end
  if fields[1] and #fields[1] > 0 and is_rank(fields[2]) then
    return fields
  end
  redis.call('DEL', KEYS[2])
  return {}
end

-- The token is created at every execution, so that a command that the client library sends twice never revives an old token.
local function create_lease()
  local now = redis.call('TIME')
  local token = ARGV[1] .. '-' .. now[1] .. '-' .. now[2]
  redis.call('HSET', KEYS[2], 'token', token, 'floor', 0)
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return token
end

