-- Precedes every step on a product. KEYS: entry, lease. Last of ARGV: what this process reads, the bytes of EntryFormat.Readable: formats, or
-- the format of mappings and the numbers of 8 bytes of those that it reads.
-- A damaged key (another type, a damaged field, no expiry) would block its product for ever, so it is removed and the step continues
-- without it. That is always safe: a fill without its lease is refused, and a missing entry is a miss.
local MAX_RANK = 9007199254740991
local MAX_VERSION = 4503599627370495
-- ProductVersion.MaxLead, in ranks.
local MAX_LEAD = 2199023255552
local MAX_MILLISECONDS = 253402300799999
-- The format of entries of a mapping, the length of their header, and the positions (from 1) of what they have beyond the other format.
local MAPPED = 2
local MAPPED_HEADER = 48
local KIND = 26
local ABSENT = 1
local COMPRESSED = 3
local MAPPING = 27
local END = 35
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
  local format, version, filled_at, lifetime = struct.unpack('>Bi8i8i8', data)
  if not (version >= 0 and version <= MAX_VERSION and 2 * version == tonumber(rank)
    and filled_at >= 0 and filled_at <= MAX_MILLISECONDS and lifetime >= 0 and lifetime <= MAX_MILLISECONDS) then
    return false
  end
  if format ~= MAPPED then
    return (version == 0 and format ~= COMPRESSED) or #data > 25
  end
  if #data < MAPPED_HEADER then
    return false
  end
  local kind, ends, tags = string.byte(data, KIND), struct.unpack('>i8', data, END), struct.unpack('>I2', data, 47)
  local body = #data - MAPPED_HEADER - tags
  return kind <= COMPRESSED and ends >= 0 and ends <= MAX_MILLISECONDS and (kind == ABSENT and body == 0 or kind ~= ABSENT and body > 0)
end

-- Products, compressed or not, are of one kind.
local function kind_of(data)
  local format = string.byte(data, 1)
  if format == MAPPED then
    local kind = string.byte(data, KIND)
    return kind == COMPRESSED and 0 or kind
  end
  return format == COMPRESSED and 1 or format
end

local function is_mapped(data)
  return string.byte(data, 1) == MAPPED
end

-- Empty data counts as readable, but is never plausible.
local function is_readable(data)
  local readable = ARGV[#ARGV]
  if string.byte(readable, 1) ~= MAPPED then
    return string.find(readable, string.sub(data, 1, 1), 1, true) ~= nil
  end
  if data == '' then
    return true
  end
  if not is_mapped(data) then
    return false
  end
  local mapping = string.sub(data, MAPPING, MAPPING + 7)
  for first = 2, #readable, 8 do
    if string.sub(readable, first, first + 7) == mapping then
      return true
    end
  end
  -- A mapped entry that is too short to name its mapping is damaged, and counts as readable, so that it is removed.
  return #data < MAPPED_HEADER
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

-- No entry outlives the end of its content. ends: 0, or milliseconds since 1970 by the clock of this server.
local function expire_entry(lifetime, ends)
  redis.call('PEXPIRE', KEYS[1], lifetime)
  if tonumber(ends) > 0 then
    local now = redis.call('TIME')
    if tonumber(ends) < now[1] * 1000 + now[2] / 1000 + tonumber(lifetime) then
      redis.call('PEXPIREAT', KEYS[1], ends)
    end
  end
end

-- The token is created at every execution, so that a command that the client library sends twice never revives an old token.
local function create_lease()
  local now = redis.call('TIME')
  local token = ARGV[1] .. '-' .. now[1] .. '-' .. now[2]
  redis.call('HSET', KEYS[2], 'token', token, 'floor', 0)
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return token
end

