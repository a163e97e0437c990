-- Folds a run of records into one partition: the same rule as src/domain/fold.rs, to which a test holds it.
--
-- KEYS: top
-- ARGV: prefix of the partition's keys, command that publishes, tail's length, tail's life in ms, width of a bucket in ms,
--       log offset that the run goes on from, log offset after it, checksum of its last record,
--       then for each record: log offset, timestamp, room ('' for none), id ('' for a void), value
-- Answers {next, checksum} where the partition stands now; {'elsewhere'} if it isn't where the run goes on from.
--
-- A script that dies half way is not undone, so everything is written in an order that makes the next call exact: an id,
-- then the room's place with the log offset that it was given for, the partition's own place last of all.

local top, prefix, publish = KEYS[1], ARGV[1], ARGV[2]
local tail_max, tail_ms, width = ARGV[3], ARGV[4], tonumber(ARGV[5])
local from, after, checksum = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]

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

-- The field without a name is the partition's own; no room has an empty one.
local own = redis.call('HGET', top, '')
if not own then
  return {'elsewhere'}
end
local cursor, time, last = string.match(own, '^(%d+):(%d+):(%x*)$')
cursor, time = tonumber(cursor), tonumber(time)
if from > cursor then
  return {'elsewhere'}
end

local written_time = time
local begun = bucket_of(time)
local buckets = {[begun - 1] = true, [begun] = true}
local rooms = {}

local function room_at(room)
  local place = rooms[room]
  if not place then
    local field = redis.call('HGET', top, room) or '0:-1'
    local offset, at = string.match(field, '^(%d+):(-?%d+)$')
    place = {offset = tonumber(offset), at = tonumber(at)}
    rooms[room] = place
  end
  return place
end

-- Where an id stands, if it is in this bucket or the one before.
local function known(bucket, id)
  return redis.call('HGET', bucket_key(bucket), id) or redis.call('HGET', bucket_key(bucket - 1), id)
end

for i = 9, #ARGV, 5 do
  local at, timestamp, room, id = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]
  local place = room ~= '' and room_at(room)
  if place and at > place.at then
    local offset = place.offset + 1
    local says = ':v:'
    if id ~= '' then
      local moved = math.max(time, timestamp)
      local bucket = bucket_of(moved)
      local of = known(bucket, id)
      if of and tonumber(of) ~= offset then
        says = ':v:' .. of
      else
        redis.call('HSET', bucket_key(bucket), id, text(offset))
        buckets[bucket] = true
        time = moved
        says = ':e\n' .. ARGV[i + 4]
      end
    end
    local payload = text(offset) .. ':' .. text(time) .. says
    -- Only a cache: what is there already, or doesn't fit, is no error.
    redis.pcall('XADD', prefix .. ':s:' .. room, 'MAXLEN', '~', tail_max, text(offset) .. '-0', 'p', payload)
    local stands = text(offset) .. ':' .. text(at)
    if time == written_time then
      redis.call('HSET', top, room, stands)
    else
      redis.call('HSET', top, room, stands, '', text(cursor) .. ':' .. text(time) .. ':' .. last)
      written_time = time
    end
    redis.call(publish, prefix .. ':' .. room, payload)
    place.offset, place.at = offset, at
  end
end

if after > cursor then
  cursor, last = after, checksum
  redis.call('HSET', top, '', text(cursor) .. ':' .. text(time) .. ':' .. last)
end
for room in pairs(rooms) do
  redis.call('PEXPIRE', prefix .. ':s:' .. room, tail_ms)
end
for bucket in pairs(buckets) do
  if bucket < bucket_of(time) - 1 then
    redis.call('UNLINK', bucket_key(bucket))
  end
end
return {text(cursor), last}
