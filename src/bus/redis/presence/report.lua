-- Takes what one node reports of one room.
--
-- KEYS: the room's nodes
-- ARGV: prefix of the room's keys, channel, command that publishes, room, node, for how long it is believed in ms,
--       sessions that the node has then, 1 if these are all of them, how many came,
--       then of each that came: session, user, person as JSON; then the sessions that went
-- Answers how many sessions the node has here now, and how many users there are.

local call = redis.call
local nodes, prefix = KEYS[1], ARGV[1]
local users, people = prefix .. ':users', prefix .. ':people'
local node, lasts = ARGV[5], tonumber(ARGV[6])
local first, came = 10, tonumber(ARGV[9])
-- Everything of a room outlives its nodes by far, so that those who died can still be counted out.
local kept = lasts * 20
local sample_max, reaped_max = 10, 5000

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local joined, left = {}, {}

local function sessions_of(name)
  return prefix .. ':of:' .. name
end

local function enter(hash, session, user, person)
  if call('HSET', hash, session, user) == 1 and call('HINCRBY', users, user, 1) == 1 then
    joined[user] = person
  end
  call('HSET', people, user, person)
end

local function leave(hash, session)
  local user = call('HGET', hash, session)
  if not user then
    return
  end
  call('HDEL', hash, session)
  if call('HINCRBY', users, user, -1) < 1 then
    if joined[user] then
      joined[user] = nil
    else
      left[user] = call('HGET', people, user)
    end
    call('HDEL', users, user)
    call('HDEL', people, user)
  end
end

local mine = sessions_of(node)
local here = {}
for i = first, first + came * 3 - 1, 3 do
  here[ARGV[i]] = true
  enter(mine, ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
for i = first + came * 3, #ARGV do
  leave(mine, ARGV[i])
end
if ARGV[8] == '1' then
  for _, session in ipairs(call('HKEYS', mine)) do
    if not here[session] then
      leave(mine, session)
    end
  end
end
local count = call('HLEN', mine)
if count > 0 then
  call('ZADD', nodes, now + lasts, node)
else
  call('ZREM', nodes, node)
end

-- Nodes that have not been heard of: a bounded part of their sessions at a time.
for _, dead in ipairs(call('ZRANGEBYSCORE', nodes, '-inf', now)) do
  local hash, reaped = sessions_of(dead), 0
  for _, session in ipairs(call('HKEYS', hash)) do
    if reaped < reaped_max then
      leave(hash, session)
      reaped = reaped + 1
    end
  end
  if call('EXISTS', hash) == 0 then
    call('ZREM', nodes, dead)
  end
end

for _, key in ipairs({nodes, users, people, mine}) do
  call('PEXPIRE', key, kept)
end

local function list(persons)
  local all = {}
  for _, person in pairs(persons) do
    if person and #all < 50 then
      all[#all + 1] = person
    end
  end
  return '[' .. table.concat(all, ',') .. ']'
end

-- Whoever came wants to know how many are there, though others knew their user already.
if came > 0 or next(left) then
  local sample = {}
  for i, it in ipairs(call('HRANDFIELD', people, sample_max, 'WITHVALUES')) do
    if i % 2 == 0 then
      sample[#sample + 1] = it
    end
  end
  call(ARGV[3], ARGV[2], '{"type":"presence.tick","count":' .. call('HLEN', users)
    .. ',"joined":' .. list(joined) .. ',"left":' .. list(left)
    .. ',"sample":[' .. table.concat(sample, ',') .. '],"room":"' .. ARGV[4] .. '"}')
end
return {count, call('HLEN', users)}
