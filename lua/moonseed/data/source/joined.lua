--- Data sets one after another.
local moon = require "moonseed"
local rows = require "moonseed.data.rows"
local source = require "moonseed.data.source"

local Joined = source.class()

---@param parts userdata[]  data sets
---@return table source
function Joined.new(parts)
  local self = { parts = parts, n = 0, on_host = true, labelled = true,
                 shape = parts[1].source.shape }
  for _, part in ipairs(parts) do
    self.n = self.n + #part
    self.labelled = self.labelled and part.labelled
    if part.source.shape ~= self.shape then self.shape = nil end
  end
  return setmetatable(self, Joined)
end

-- For each part its rows, and where in the batch they belong.
local function sort_rows(self, list)
  local groups = {}
  for at, row in ipairs(list) do
    local p = 1
    while row >= #self.parts[p] do
      row = row - #self.parts[p]
      p = p + 1
    end
    groups[p] = groups[p] or { list = {}, at = {} }
    table.insert(groups[p].list, row)
    table.insert(groups[p].at, at)
  end
  return groups
end

--- The examples of these rows, as they are kept.
---@param pick table
---@return userdata x
---@return userdata? y
function Joined:raw(pick)
  local groups = sort_rows(self, rows.list(pick))
  local xs, ys, place, k = {}, {}, {}, 0
  for p = 1, #self.parts do
    local group = groups[p]
    if group then
      local x, y = rows.read(self.parts[p], { list = group.list })
      xs[#xs + 1], ys[#ys + 1] = x, y
      for _, at in ipairs(group.at) do
        place[at] = k
        k = k + 1
      end
    end
  end
  if #xs == 0 then return rows.read(self.parts[1], pick) end
  if #xs == 1 then return xs[1], self.labelled and ys[1] or nil end
  local order = moon.tensor(place, { dtype = "i64", device = xs[1]:device() })
  return moon.cat(xs, 1):index_select(1, order),
    self.labelled and moon.cat(ys, 1):index_select(1, order) or nil
end

return Joined
