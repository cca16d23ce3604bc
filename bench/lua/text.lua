-- Strings, patterns, tables and the garbage collector.
local words, count = {}, 0
local text = ('the quick brown fox jumps over the lazy dog, and then some '):rep(50)
for round = 1, tonumber(arg[1]) do
  for word in text:gmatch('%a+') do
    local key = word:upper() .. round % 10
    words[key] = (words[key] or 0) + 1
  end
end
local keys = {}
for key in pairs(words) do keys[#keys + 1] = key end
table.sort(keys)
for _, key in ipairs(keys) do count = (count * 31 + words[key] + #key) % 1000000007 end
print(#keys, count)
