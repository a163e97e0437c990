-- Folds a run of records into one partition: the same rule as src/domain/fold.rs, to which a test holds it.
--
-- KEYS: top
-- ARGV: prefix of the partition's keys, command that publishes, tail's length, tail's life in ms, width of a bucket in ms,
--       log offset that the run goes on from, log offset after it, checksum of its last record,
--       then for each record: log offset, timestamp, room ('' for none), id ('' for a void), value
-- Answers {next, checksum} where the partition stands now; {'elsewhere'} if it isn't where the run goes on from.
--
-- A script that dies is not undone. So it decides first and writes then: ids and tails, which the same decisions find as
-- their own when the run comes again; in one command where the rooms and the partition stand; last of all what may be lost.

local call = redis.call
local top, prefix, publish = KEYS[1], ARGV[1], ARGV[2]
local tail_max, tail_ms, width = ARGV[3], ARGV[4], tonumber(ARGV[5])
local from, after, checksum = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local first, step = 9, 5

-- Numbers are doubles here, exact to 2^53, and would be written as 1e+15.
local function text(number)
  return string.format('%.0f', number)
end

local function bucket_of(time)
  return (time - time % width) / width
end

local function bucket_key(bucket)
  return prefix .. ':n:' .. text(bucket)
end

-- Where the partition and the rooms of the run stand. The field without a name is the partition's own; no room has an
-- empty one.
local rooms, names = {}, {''}
for i = first + 2, #ARGV, step do
  local name = ARGV[i]
  if name ~= '' and not rooms[name] then
    names[#names + 1] = name
    rooms[name] = {stream = prefix .. ':s:' .. name, channel = prefix .. ':' .. name}
  end
end
local fields = call('HMGET', top, unpack(names))
if not fields[1] then
  return {'elsewhere'}
end
local cursor, time, last = string.match(fields[1], '^(%d+):(%d+):(%x*)$')
cursor, time = tonumber(cursor), tonumber(time)
if from > cursor then
  return {'elsewhere'}
end
for i = 2, #names do
  local offset, at = string.match(fields[i] or '0:-1', '^(%d+):(-?%d+)$')
  local room = rooms[names[i]]
  room.offset, room.at = tonumber(offset), tonumber(at)
end

-- The buckets that this run may write to or leave behind: key, ids that are new in it, the same as a command's arguments.
local buckets = {}
local function bucket_at(number)
  local bucket = buckets[number]
  if not bucket then
    bucket = {key = bucket_key(number), ids = {}, fields = {}}
    buckets[number] = bucket
  end
  return bucket
end
bucket_at(bucket_of(time) - 1)
bucket_at(bucket_of(time))

local function known(bucket, id)
  return bucket.ids[id] or call('HGET', bucket.key, id)
end

local said = {}
for i = first, #ARGV, step do
  local at, id, room = tonumber(ARGV[i]), ARGV[i + 3], rooms[ARGV[i + 2]]
  if room and at > room.at then
    room.offset, room.at = room.offset + 1, at
    local offset, says = text(room.offset), ':v:'
    if id ~= '' then
      local moved = math.max(time, tonumber(ARGV[i + 1]))
      local number = bucket_of(moved)
      local bucket = bucket_at(number)
      local of = known(bucket, id) or known(bucket_at(number - 1), id)
      if of and of ~= offset then
        says = ':v:' .. of
      else
        bucket.ids[id] = offset
        table.insert(bucket.fields, id)
        table.insert(bucket.fields, offset)
        time = moved
        says = ':e\n' .. ARGV[i + 4]
      end
    end
    said[#said + 1] = {room = room, offset = offset, payload = offset .. ':' .. text(time) .. says}
  end
end

for _, bucket in pairs(buckets) do
  if #bucket.fields > 0 then
    call('HSET', bucket.key, unpack(bucket.fields))
  end
end
for _, it in ipairs(said) do
  -- Only a cache: what is there already, or doesn't fit, is no error.
  redis.pcall('XADD', it.room.stream, 'MAXLEN', '~', tail_max, it.offset .. '-0', 'p', it.payload)
end
if after > cursor then
  cursor, last = after, checksum
end
local stands = {'', text(cursor) .. ':' .. text(time) .. ':' .. last}
for i = 2, #names do
  local room = rooms[names[i]]
  if room.offset > 0 then
    table.insert(stands, names[i])
    table.insert(stands, text(room.offset) .. ':' .. text(room.at))
  end
end
call('HSET', top, unpack(stands))

for _, it in ipairs(said) do
  call(publish, it.room.channel, it.payload)
end
for _, room in pairs(rooms) do
  call('PEXPIRE', room.stream, tail_ms)
end
for number, bucket in pairs(buckets) do
  if number < bucket_of(time) - 1 then
    call('UNLINK', bucket.key)
  end
end
return {text(cursor), last}
