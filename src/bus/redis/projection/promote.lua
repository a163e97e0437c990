-- Puts what has been staged in place, unless there is a projection already.
--
-- KEYS: top, staged top, then for each bucket: its key, its staged key
-- ARGV: how many fields the staged top has, then for each bucket the same
-- Answers 'promoted'; 'there' if somebody was faster; 'incomplete' if what was staged is gone, or not all of it was written.

local function forget()
  for i = 2, #KEYS, 2 do
    redis.call('UNLINK', KEYS[i])
  end
end

if redis.call('EXISTS', KEYS[1]) == 1 then
  forget()
  return 'there'
end
for i = 2, #KEYS, 2 do
  if redis.call('HLEN', KEYS[i]) ~= tonumber(ARGV[i / 2]) then
    forget()
    return 'incomplete'
  end
end
-- The top last: without it nothing is folded.
for i = #KEYS, 2, -2 do
  if redis.call('PERSIST', KEYS[i]) == 1 then
    redis.call('RENAME', KEYS[i], KEYS[i - 1])
  else
    redis.call('UNLINK', KEYS[i - 1]) -- no ids in this bucket
  end
end
return 'promoted'
