-- Floating point and table fields: planets on a line pulling at each other.
local bodies = {}
for i = 1, 5 do bodies[i] = { x = i, y = i * i / 3, vx = 0, vy = 1 / i, mass = 1 / (i + 1) } end
for _ = 1, tonumber(arg[1]) do
  for i = 1, #bodies do
    local a = bodies[i]
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx, dy = a.x - b.x, a.y - b.y
      local d2 = dx * dx + dy * dy + 0.01
      local pull = 0.001 / (d2 * math.sqrt(d2))
      a.vx, a.vy = a.vx - dx * b.mass * pull, a.vy - dy * b.mass * pull
      b.vx, b.vy = b.vx + dx * a.mass * pull, b.vy + dy * a.mass * pull
    end
  end
  for i = 1, #bodies do
    local b = bodies[i]
    b.x, b.y = b.x + 0.001 * b.vx, b.y + 0.001 * b.vy
  end
end
print(string.format('%.9f %.9f', bodies[1].x, bodies[5].y))
