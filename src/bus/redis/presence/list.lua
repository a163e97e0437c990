-- Tells who is in a room.
--
-- KEYS: the room's nodes
-- ARGV: prefix of the room's keys, how many sessions are to be listed at most
-- Answers the numbers of sessions and users; then, unless there are more, of each session: its name, user, person as JSON.

local call = redis.call
local nodes, prefix, max = KEYS[1], ARGV[1], tonumber(ARGV[2])
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local hashes, sessions = {}, 0
for _, node in ipairs(call('ZRANGEBYSCORE', nodes, '(' .. string.format('%.0f', now), '+inf')) do
  local hash = prefix .. ':of:' .. node
  hashes[#hashes + 1] = hash
  sessions = sessions + call('HLEN', hash)
end
local answer = {tostring(sessions), tostring(call('HLEN', prefix .. ':users'))}
if sessions <= max then
  for _, hash in ipairs(hashes) do
    local of = call('HGETALL', hash)
    for i = 1, #of, 2 do
      answer[#answer + 1] = of[i]
      answer[#answer + 1] = of[i + 1]
      answer[#answer + 1] = call('HGET', prefix .. ':people', of[i + 1]) or ''
    end
  end
end
return answer
