--- What the modules of a model give and cost: its table, row by row.
--
-- Each row holds what is below it, too. FLOPs are counted as in
-- moonseed.nn.cost, so a module that only normalises or pools has none; a
-- module that is called twice has those of both calls.
local check = require "moonseed.check"
local cost = require "moonseed.nn.cost"
local hooks = require "moonseed.nn.hooks"
local moon = require "moonseed"
local probe = require "moonseed.nn.probe"
local tensor = require "moonseed.tensor"

---@class Summary  what modules give and cost; as text, a table
---@field depth number        how far down the text goes
---@field parameters integer  values
---@field trainable integer   those that are not frozen
---@field bytes integer       of parameters and buffers
---@field flops number        of a forward
---@field output_bytes integer  of what the innermost modules give: about what a
---                           training step keeps
---@field rows table[]        of each module: path ("" for the model), class,
---                           depth, shape (of its output; nil if it was not
---                           called), parameters, trainable, bytes, flops,
---                           output_bytes
local Summary = {}
Summary.__index = Summary

local function nbytes(t) return t:numel() * check.dtype_sizes[t:dtype()] end

local function measure(module, path)
  local row = { path = path, class = module.class_name, flops = 0,
                parameters = 0, trainable = 0, bytes = 0, output_bytes = 0,
                depth = path == "" and 0 or select(2, path:gsub("%.", "")) + 1,
                inner = module:children()() ~= nil }
  for _, p in module:parameters() do
    row.parameters = row.parameters + p:numel()
    row.trainable = row.trainable + (p.needs_grad and p:numel() or 0)
    row.bytes = row.bytes + nbytes(p)
  end
  for _, b in module:buffers() do row.bytes = row.bytes + nbytes(b) end
  return row
end

-- Of another task that runs the same model meanwhile, there are no FLOPs.
local function note(row, flops, y, ...)
  if not flops then return y, ... end
  row.flops = row.flops + flops
  if tensor.is(y) then
    row.shape = y:shape()
    row.output_bytes = row.output_bytes + nbytes(y)
  end
  return y, ...
end

local function watch(row)
  return function(forward, _, ...)
    return note(row, cost.count_part(forward, ...))
  end
end

local function finish(removers, ok, ...)
  for _, remove in ipairs(removers) do remove() end
  if not ok then error((...), 0) end
end

local function run(rows, modules, x)
  local removers = {}
  for i, module in ipairs(modules) do
    removers[i] = hooks.wrap(module, watch(rows[i]))
  end
  finish(removers, pcall(cost.count, probe.forward, modules[1], x))
end

local function add_up(self)
  local model = self.rows[1]
  self.parameters, self.trainable = model.parameters, model.trainable
  self.bytes, self.flops, self.output_bytes = model.bytes, model.flops, 0
  for _, row in ipairs(self.rows) do
    if not row.inner then
      self.output_bytes = self.output_bytes + row.output_bytes
    end
  end
  return self
end

-- --- as text ----------------------------------------------------------------

-- 1234 -> "1.23 k"
local function short(n)
  for _, unit in ipairs{ { 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" },
                         { 1e3, "k" } } do
    if n >= unit[1] then
      local value = n / unit[1]
      return ("%." .. (value < 10 and 2 or value < 100 and 1 or 0) .. "f %s")
        :format(value, unit[2])
    end
  end
  return n == 0 and "-" or ("%d"):format(n)
end

local function cells(row)
  local name = ("  "):rep(row.depth) .. (row.path:match "[^.]*$")
  return { (row.depth == 0 and "" or name .. " ") .. row.class,
           row.shape and table.concat(row.shape, "x") or "-",
           short(row.parameters), short(row.flops), short(row.output_bytes) }
end

function Summary:__tostring()
  local lines = { { "", "output", "parameters", "FLOPs", "output bytes" } }
  for _, row in ipairs(self.rows) do
    if row.depth <= self.depth then lines[#lines + 1] = cells(row) end
  end
  local widths = {}
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do
      widths[i] = math.max(widths[i] or 0, #cell)
    end
  end
  for i, line in ipairs(lines) do
    for c, cell in ipairs(line) do
      line[c] = ("%" .. (c <= 2 and "-" or "") .. widths[c] .. "s"):format(cell)
    end
    lines[i] = table.concat(line, "  ")
  end
  lines[#lines + 1] = ("%d parameters, %d trainable; %sB with buffers"):format(
    self.parameters, self.trainable, short(self.bytes))
  lines[#lines + 1] = ("%sFLOPs and %sB of outputs for one image"):format(
    short(self.flops), short(self.output_bytes))
  return table.concat(lines, "\n")
end

local known = { dtype = check.optional, depth = math.huge }

--- See Module:summary.
---@param model table
---@param shape integer[]
---@param options table|nil
---@return Summary
return function(model, shape, options)
  local o = check.options("summary", options, {}, known)
  check.number("summary", "depth", o.depth)
  local single = probe.single("summary", shape)
  local _, first = model:parameters()()
  local x = moon.zeros(single, {
    dtype = o.dtype or first and first:dtype() or "f32",
    device = first and first:device(),
  })
  local rows, modules = { measure(model, "") }, { model }
  for path, module in model:modules() do
    rows[#rows + 1], modules[#modules + 1] = measure(module, path), module
  end
  run(rows, modules, x)
  return add_up(setmetatable({ rows = rows, depth = o.depth }, Summary))
end
